//! A table for each reader: files, and the paths that they claim.
