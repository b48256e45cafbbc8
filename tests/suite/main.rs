//! The one test binary: black-box tests of the command line, one module per subject.

mod again;
mod container;
mod determinism;
mod docs;
mod edit;
mod evaluator;
mod expected;
mod function;
mod golden;
mod kpt;
mod layers;
mod mistakes;
mod objects;
mod orchestrator;
mod protocol;
mod routes;
mod schema;
mod validity;
