"""Headers of simulated exposures: the keywords of calibrated ACS and WFC3 files that mosaics need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from astropy.io import fits

from mvmdb.simulate.detectors import Chip, Detector
from mvmdb.simulate.distortion import Card
from mvmdb.simulate.planned import PlannedExposure

_STATEMENT = "Simulated by mvmdb: not an observation, and no product of the archive."
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_SECOND_ACS_WHEEL = frozenset({"F435W", "F814W"})


def primary_header(planned: PlannedExposure, *, n_extensions: int) -> fits.Header:
    """Return the primary header of an exposure."""
    detector = planned.detector
    cards = [
        *_file_cards(planned, n_extensions),
        *_target_cards(planned),
        *_time_cards(planned),
        *_instrument_cards(planned),
        *_calibration_cards(detector),
    ]
    if detector.instrument == "WFC3":
        cards += photometry_cards(planned)
    header = fits.Header(cards)
    header["SIMULATE"] = (True, "simulated data, not an observation")
    header["HISTORY"] = _STATEMENT
    return header


def _date(mjd: float) -> datetime:
    return _MJD_EPOCH + timedelta(days=mjd)


def _file_cards(planned: PlannedExposure, n_extensions: int) -> list[Card]:
    return [
        ("ORIGIN", "mvmdb simulator", "what wrote this file"),
        # The date of the exposure, not of the writing: the same plan gives the same bytes.
        ("DATE", _date(planned.end_mjd).strftime("%Y-%m-%d"), "date of the simulated calibration"),
        ("NEXTEND", n_extensions, "number of standard extensions"),
        ("FILENAME", planned.file_name, "name of file"),
        ("FILETYPE", "SCI", "type of data found in data file"),
        ("TELESCOP", "HST", "telescope used to acquire data"),
        ("INSTRUME", planned.detector.instrument, "identifier for instrument used to acquire data"),
        ("EQUINOX", 2000.0, "equinox of celestial coord. system"),
        ("ROOTNAME", planned.rootname, "rootname of the observation set"),
        ("IMAGETYP", "EXT", "type of exposure identifier"),
        ("PRIMESI", planned.detector.instrument, "instrument designated as prime"),
    ]


def _target_cards(planned: PlannedExposure) -> list[Card]:
    return [
        ("TARGNAME", planned.target_name, "proposer's target name"),
        ("RA_TARG", planned.ra_deg, "right ascension of the target (deg) (J2000)"),
        ("DEC_TARG", planned.dec_deg, "declination of the target (deg) (J2000)"),
        ("PROPOSID", planned.proposal_id, "PEP proposal identifier"),
        ("LINENUM", f"{planned.rootname[4:6]}.001", "proposal logsheet line number"),
        ("PR_INV_L", "Simulated", "last name of principal investigator"),
        ("PR_INV_F", "", "first name of principal investigator"),
        ("PR_INV_M", "", "middle name of principal investigator"),
        ("FGSLOCK", "FINE", "commanded FGS lock (FINE,COARSE,GYROS,UNKNOWN)"),
        ("GYROMODE", "T", "number of gyros scheduled, T=3+OBAD"),
        ("REFFRAME", "ICRS", "guide star catalog version"),
        ("MTFLAG", "", "moving target flag; T if it is a moving target"),
        ("PA_V3", _pa_v3_deg(planned), "position angle of V3-axis of HST (deg)"),
        ("POSTARG1", 0.0, "POSTARG in axis 1 direction"),
        ("POSTARG2", 0.0, "POSTARG in axis 2 direction"),
    ]


def _pa_v3_deg(planned: PlannedExposure) -> float:
    return round((planned.orient_deg + planned.detector.v3_minus_orient_deg) % 360.0, 6)


def _time_cards(planned: PlannedExposure) -> list[Card]:
    start = _date(planned.start_mjd)
    return [
        ("DATE-OBS", start.strftime("%Y-%m-%d"), "UT date of start of observation (yyyy-mm-dd)"),
        ("TIME-OBS", start.strftime("%H:%M:%S"), "UT time of start of observation (hh:mm:ss)"),
        ("EXPSTART", planned.start_mjd, "exposure start time (Modified Julian Date)"),
        ("EXPEND", planned.end_mjd, "exposure end time (Modified Julian Date)"),
        ("EXPTIME", planned.exptime_s, "exposure duration (seconds)--calculated"),
        ("EXPFLAG", "NORMAL", "Exposure interruption indicator"),
        ("QUALCOM1", "", ""),
        ("QUALITY", "", ""),
    ]


def _instrument_cards(planned: PlannedExposure) -> list[Card]:
    detector = planned.detector
    cards: list[Card] = [
        ("OBSTYPE", "IMAGING", "observation type - imaging or spectroscopic"),
        ("OBSMODE", "MULTIACCUM" if detector.counts_per_s else "ACCUM", "operating mode"),
        ("SUBARRAY", planned.crop_pix is not None, "data from a subarray (T) or full frame (F)"),
        ("DETECTOR", detector.detector, "detector in use"),
        *_filter_cards(planned),
        ("APERTURE", f"{detector.detector}-FIX", "aperture name"),
        ("CCDGAIN", 2.5 if detector.counts_per_s else 2.0, "commanded gain of CCD"),
    ]
    if detector.instrument == "WFC3":
        cards.append(("SCAN_TYP", "N", "C:bostrophidon; D:C with dwell; N:N/A"))
    if detector.detector == "UVIS":
        cards.append(("CHINJECT", "NONE", "Charge Injection Mode"))
    cards += [
        (f"{keyword}{amplifier}", value, comment)
        for keyword, value, comment in (
            ("ATODGN", 1.0, "calibrated gain for amplifier"),
            ("READNSE", detector.read_noise_e, "calibrated read noise for amplifier"),
        )
        for amplifier in "ABCD"
    ]
    return cards


def _filter_cards(planned: PlannedExposure) -> list[Card]:
    name = planned.passband.filter
    if planned.detector.instrument != "ACS":
        return [("FILTER", name, "element selected from filter wheel")]
    wheels = ("CLEAR1L", name) if name in _SECOND_ACS_WHEEL else (name, "CLEAR2L")
    return [(f"FILTER{k}", wheel, "element selected from filter wheel") for k, wheel in enumerate(wheels, 1)]


def _calibration_cards(detector: Detector) -> list[Card]:
    corrected_charge = "OMIT" if detector.counts_per_s else "COMPLETE"
    return [
        ("CAL_VER", "mvmdb simulator", "calibration software version"),
        ("DQICORR", "COMPLETE", "data quality initialization"),
        ("DARKCORR", "COMPLETE", "Subtract dark image"),
        ("FLATCORR", "COMPLETE", "flat field data"),
        ("PCTECORR", corrected_charge, "cte correction"),
        ("PHOTCORR", "COMPLETE", "populate photometric header keywords"),
        ("DRIZCORR", "PERFORM", "drizzle processing"),
        ("IDCTAB", "N/A", "image distortion correction table"),
        ("D2IMFILE", "N/A", "detector to image correction"),
        ("NPOLFILE", "N/A", "non-polynomial distortion correction"),
    ]


def photometry_cards(planned: PlannedExposure) -> list[Card]:
    """Return the flux calibration."""
    detector, passband = planned.detector, planned.passband
    return [
        (
            "PHOTMODE",
            f"{detector.instrument} {detector.detector} {passband.filter} MJD#{planned.start_mjd:.4f}",
            "observation con",
        ),
        ("PHOTFLAM", passband.photflam, "inverse sensitivity, ergs/cm2/Ang/electron"),
        ("PHOTZPT", -21.1, "ST magnitude zero point"),
        ("PHOTPLAM", passband.pivot_angstrom, "Pivot wavelength (Angstroms)"),
    ]


def science_cards(planned: PlannedExposure, chip: Chip) -> list[Card]:
    """Return the cards of a SCI header besides its WCS."""
    linear = np.array(chip.linear_arcsec)
    return [
        ("BUNIT", "ELECTRONS/S" if planned.detector.counts_per_s else "ELECTRONS", "brightness units"),
        *([] if planned.detector.counts_per_s else [("CCDCHIP", chip.ccdchip, "CCD chip (1 or 2)")]),
        ("LTV1", 0.0, "offset in X to subsection start"),
        ("LTV2", 0.0, "offset in Y to subsection start"),
        ("LTM1_1", 1.0, "reciprocal of sampling rate in X"),
        ("LTM2_2", 1.0, "reciprocal of sampling rate in Y"),
        ("VAFACTOR", 1.0, "velocity aberration plate scale factor"),
        ("BINAXIS1", 1, "axis1 data bin size in unbinned detector pixels"),
        ("BINAXIS2", 1, "axis2 data bin size in unbinned detector pixels"),
        ("NCOMBINE", 1, "number of image sets combined"),
        *photometry_cards(planned),
        ("OCX10", float(linear[0, 1]), "original linear term of the distortion"),
        ("OCX11", float(linear[0, 0]), "original linear term of the distortion"),
        ("OCY10", float(linear[1, 1]), "original linear term of the distortion"),
        ("OCY11", float(linear[1, 0]), "original linear term of the distortion"),
        ("IDCSCALE", planned.detector.scale_arcsec, "[arcsec] pixel scale of the distortion model"),
        ("IDCTHETA", planned.detector.idc_theta_deg, "orientation of detector's Y-axis w.r.t. V3 axis"),
        ("IDCXREF", chip.crpix[0], "reference pixel location in X"),
        ("IDCYREF", chip.crpix[1], "reference pixel location in Y"),
        ("WCSNAME", planned.wcsname, "Coordinate system title"),
    ]


def extension_cards(planned: PlannedExposure) -> list[Card]:
    """Return the cards that SCI, ERR and DQ share."""
    return [
        ("INHERIT", True, "inherit the primary header"),
        ("ROOTNAME", planned.rootname, "rootname of the observation set"),
        ("EXPNAME", planned.rootname, "exposure identifier"),
    ]
