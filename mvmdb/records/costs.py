"""What a build has to do, what it took, what one would take, and what it may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BuildWork:
    """How much there is to draw."""

    n_input_pixels: int
    """Pixels of the chips that lie in the skycell."""
    n_output_pixels: int
    """Pixels of one array of the product."""
    n_context_planes: int
    """Planes of the context image, and one more where there is an ERR."""
    n_threads: int = 1
    """Threads that draw at a time."""


@dataclass(frozen=True)
class BuildUsage:
    """What a build took."""

    wall_s: float
    cpu_s: float
    """Of all threads of the process."""
    peak_memory_bytes: int | None
    """Largest own (anonymous) memory of the process; None where the system does not tell."""


@dataclass(frozen=True)
class Forecast:
    """What a build would take, as ``mvm.forecast`` answers."""

    wall_s: float
    """Seconds from reading to the written file."""
    wall_scatter: float | None
    """Relative error (rms) of such forecasts of the builds behind it; null for the shipped estimate."""
    cpu_s: float
    """Processor time, seconds."""
    peak_memory_bytes: int
    """Largest own (anonymous) memory of the process."""
    memory_scatter: float | None
    """Relative error (rms) of the memory."""
    output_bytes: int
    """Size of the file."""
    n_builds: int
    """Number of earlier builds that it rests on; 0: the shipped estimate."""
    of_this_host: bool
    """Whether all of them ran on this machine."""
    n_times_larger: float | None
    """Input pixels of this build over those of the largest of them; null for the shipped estimate."""


@dataclass(frozen=True)
class BuildLimits:
    """What one build may take; None: as much as it likes."""

    peak_memory_bytes: int | None = None
    output_bytes: int | None = None
    """The free space of the disk is a limit besides."""
    wall_s: float | None = None
