//! What holds for every map and every change.
