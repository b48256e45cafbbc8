//! The limits of a run: any number will do, and who has no flags is told of another way.

use std::process::Command;

use super::orchestrator::{ANABRANCH, Workspace, function, root, run};

const FLAGS: [&str; 10] = [
    "input-bytes",
    "depth",
    "nodes",
    "documents",
    "alias-nodes",
    "build-seconds",
    "rules",
    "pairs",
    "patch-nodes",
    "output-bytes",
];

#[test]
fn no_value_of_a_limit_stops_the_program_in_the_middle() {
    let input = "golden/one-service/input/";
    let (previews, baseline) = (format!("{input}previews.yaml"), format!("{input}baseline"));
    for flag in FLAGS {
        for value in ["0", "1", "18446744073709551615", "-1", "1e3"] {
            let limit = format!("--max-{flag}={value}");
            let mut command = Command::new(ANABRANCH);
            let arguments = ["render", &previews, "--baseline", &baseline, &limit];
            let answer = run(command.args(arguments).current_dir(root()), "");
            assert!(matches!(answer.code, Some(0..=2)), "{limit}: {}", answer.stderr);
            let is_silent = answer.code != Some(0) && answer.stderr.is_empty();
            let is_half = answer.code != Some(0) && !answer.stdout.is_empty();
            assert!(!is_silent && !is_half, "{limit}: {}", answer.stderr);
        }
    }
    let mut command = Command::new(ANABRANCH);
    let arguments = ["render", &previews, "--baseline", &baseline];
    let most = ["--max-input-bytes", "18446744073709551615"];
    run(command.args(arguments).args(most).current_dir(root()), "").ok();
}

#[test]
fn the_function_which_has_no_flags_names_the_command_that_has_them() {
    let workspace = Workspace::new();
    let deep = format!("deep: {}{}\nspec:", "[".repeat(200), "]".repeat(200));
    workspace.edit("spec:", &deep);
    let list = workspace.resource_list();
    let answer = function(&list);
    let advice = "run `anabranch render`, which has flags, and raise --max-depth";
    assert!(answer.stderr.contains(advice), "{}", answer.stderr);
    assert!(answer.stdout.contains(advice), "{}", answer.stdout);
}
