//! The evaluator of routes against a second, naive reading of the specifications.
//!
//! The evaluator judges what the program writes, so it must be right itself. Here it gets small
//! random meshes. Each backend names its rule, so that the answer says which rule was chosen.

#![no_main]

#[path = "../../../tests/common/evaluator/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use all of it")]
mod evaluator;
mod gateway_api;
mod istio;
mod world;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Case {
    GatewayApi(gateway_api::Case),
    Istio(istio::Case),
}

fuzz_target!(|case: Case| match case {
    Case::GatewayApi(case) => case.check(),
    Case::Istio(case) => case.check(),
});
