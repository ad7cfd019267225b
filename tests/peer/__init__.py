"""The peer check: the same layers by AstroDrizzle and by mvmdb, compared pixel by pixel.

An optional extra (``make peer``): AstroDrizzle lives in an environment of its own and is never imported here.
"""
