"""How fast layers are drawn, and in how much memory, beside AstroDrizzle and others."""
