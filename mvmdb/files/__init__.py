"""Files: exposures read, products written; the only room that knows FITS."""
