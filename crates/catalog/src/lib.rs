//! Market data in Parquet: import, validation, merging, resampling and the tape.
