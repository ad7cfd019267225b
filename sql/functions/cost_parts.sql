-- The shipped estimate of what a build takes, in the three parts that builds measured later scale: what every build
-- takes, what grows with the input, what grows with the output. The numbers are those of the strip engine on one core:
-- 45 ns per input pixel; 7 ns per value written (20 ns per output pixel with SCI, WHT and one plane of CTX); 0.1 s.
-- Memory: 150 MiB for the program; per thread a strip, 400 rows of a skycell (34 MiB an image) but 256 MiB at most, or
-- the whole layer where that is smaller, and 64 MiB of chip rows; a fiftieth of the arrays for all that is gathered over the whole layer. Bytes: headers and HDRTAB, arrays.
create function mvm.cost_parts(
  quantity text, n_input_pixels double precision, n_output_pixels double precision, n_context_planes double precision,
  n_threads double precision
)
returns double precision[]
language sql immutable strict parallel safe
return case cost_parts.quantity
  when 'wall_s' then array[
    0.1, 45e-9 * n_input_pixels / n_threads, 7e-9 * n_output_pixels * (2 + n_context_planes) / n_threads
  ]
  when 'cpu_s' then array[0.1, 45e-9 * n_input_pixels, 7e-9 * n_output_pixels * (2 + n_context_planes)]
  when 'peak_memory_bytes' then array[
    150 * 1048576.0::double precision,
    n_threads * (
      least(256 * 1048576.0, least(34 * 1048576.0, 4 * n_output_pixels) * (2 + n_context_planes)) + 64 * 1048576.0
    ),
    0.02 * 4 * n_output_pixels * (2 + n_context_planes)
  ]
  when 'output_bytes' then array[100e3, 0, 4 * n_output_pixels * (2 + n_context_planes)]
end;

comment on function mvm.cost_parts is
  'Shipped estimate of a quantity (wall_s, cpu_s, peak_memory_bytes, output_bytes) of a build, in three parts: fixed, by input, by output';
