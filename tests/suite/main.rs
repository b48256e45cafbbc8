//! The one test binary: black-box tests of the command line, one module per subject.

#[path = "../common/access.rs"]
mod access;
mod action_races;
mod actions;
mod affected;
mod again;
mod ambient_access;
mod arguments;
mod beside;
mod container;
mod corpora;
mod credentials;
mod determinism;
#[path = "../common/dice.rs"]
mod dice;
mod diff;
mod differential;
mod docs;
mod edit;
mod edit_files;
mod edit_services;
mod edit_styles;
#[path = "../common/estate.rs"]
mod estate;
mod estates;
#[path = "../common/evaluator/mod.rs"]
mod evaluator;
mod evaluator_tests;
mod expected;
mod forks;
mod forms;
mod function;
mod git;
mod golden;
mod guide;
mod hostile;
mod hostile_patches;
mod hostile_patterns;
mod init;
mod kpt;
mod layers;
mod limits;
mod mesh_routes;
mod meshes;
mod mistakes;
mod namespace_labels;
mod nasty;
mod network_policies;
mod objects;
mod orchestrator;
mod output;
mod outside;
mod overlaps;
mod policies;
mod prefixes;
mod preview_gateway;
mod propagation;
mod protocol;
mod quiet;
mod races;
mod readers;
mod relabelled;
mod routes;
mod schema;
mod schema_of_previews;
mod sets;
mod several_namespaces;
#[path = "../common/shop.rs"]
mod shop;
mod state;
mod supply;
mod template;
mod template_suites;
mod validity;
mod ways_in;
