//! Exact numbers, time, rounding, seeded randomness and digests; imports nothing of ours.
