//! The one test binary: black-box tests of the command line, one module per subject.

mod function;
mod objects;
mod orchestrator;
mod protocol;
