//! Decisions, and no objects of our own yet.

pub mod patch;
