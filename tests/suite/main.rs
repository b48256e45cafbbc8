//! The one test binary: black-box tests of the command line, one module per subject.

mod container;
mod function;
mod kpt;
mod objects;
mod orchestrator;
mod protocol;
