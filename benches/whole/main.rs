//! `make bench`: whole processes, each beside something outside in the same run, and
//! docs/performance.md written from what was measured. Every figure is the median of several runs.

mod fixture;
mod measure;
mod peers;
mod plot;

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::Path;

use fixture::Extra;
use measure::{Cost, mb, measure, measure_here, median, ms};
use plot::{Line, plot};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The program as users build it. The one that cargo builds for benches has all features that libraries of tests ask of
/// others.
pub(crate) const ANABRANCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench/anabranch");
const SERVICES: usize = 200;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, input, output, command @ ..] = arguments.as_slice()
        && flag == "--measure"
    {
        return measure_here(input, output, command);
    }
    let folder = env::temp_dir().join(format!("anabranch-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let written = report(&folder);
    fs::remove_dir_all(&folder)?;
    let text = written?;
    stdout().write_all(text.as_bytes())?;
    fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md"), text)?;
    Ok(())
}

fn report(folder: &Path) -> Result<String> {
    let mut text = String::from(
        "# Performance\n\nWritten by `make bench`: medians of whole processes in one run, each beside another program.\n\n",
    );
    machine(&mut text)?;
    scale(&mut text, folder)?;
    extras(&mut text, folder)?;
    static_binary(&mut text, folder)?;
    one(&mut text, folder)?;
    tree(&mut text, folder)?;
    peers::function(&mut text, folder)?;
    peers::writers(&mut text, folder)?;
    Ok(text.trim_end().to_owned() + "\n")
}

fn machine(text: &mut String) -> Result<()> {
    let cores = std::thread::available_parallelism()?;
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown");
    let version = env!("CARGO_PKG_VERSION");
    writeln!(text, "anabranch {version}, release build, on {cores} cores ({model}).\n")?;
    Ok(())
}

/// A fixture of this many previews; returns the arguments that render it.
pub(crate) fn fixture_of(folder: &Path, previews: usize, extras: &[Extra]) -> Result<Vec<String>> {
    let folder = folder.join(previews.to_string());
    fixture::write(&folder, SERVICES, previews, extras)?;
    let path = |name: &str| folder.join(name).display().to_string();
    Ok(["render".to_owned(), path("previews.yaml"), "--baseline".to_owned(), path("baseline.yaml")]
        .into())
}

pub(crate) fn render<'a>(program: &'a str, arguments: &'a [String]) -> Vec<&'a str> {
    [program].into_iter().chain(arguments.iter().map(String::as_str)).collect()
}

/// How many objects a stream holds.
pub(crate) fn objects_in(stream: &str) -> usize {
    stream.lines().filter(|line| line.starts_with("kind: ")).count()
}

/// What one size took.
struct Point {
    objects: usize,
    bytes: u64,
    own: Cost,
    cp: Cost,
}

/// Output of growing size, beside `cp` of the same bytes.
fn scale(text: &mut String, folder: &Path) -> Result<()> {
    writeln!(
        text,
        "## Size\n\nA baseline of {SERVICES} services (a Deployment, a Service, a ServiceAccount and a ConfigMap each, calls to \
         three others); previews of five services each; one stream into a file.\n\n\
         | previews | objects | output | time | per object | `cp` of the output | time / `cp` | memory | memory / output |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )?;
    let mut points = Vec::new();
    let mut anew = String::new();
    for (previews, runs) in [(1, 21), (10, 21), (100, 21), (1_000, 51), (10_000, 7)] {
        let point = size(ANABRANCH, folder, previews, &[], runs, false)?;
        writeln!(
            text,
            "| {previews} | {} | {} | {} | {:.1} µs | {} | {:.1} | {} | {:.1} |",
            point.objects,
            mb(point.bytes),
            point.own.ms(),
            point.own.time.as_secs_f64() * 1e6 / point.objects as f64,
            point.cp.ms(),
            point.own.times(point.cp),
            mb(point.own.memory),
            point.own.memory as f64 / point.bytes as f64
        )?;
        points.push(point);
        if previews == 1_000 {
            let point = size(ANABRANCH, folder, previews, &[], runs, true)?;
            anew = format!(
                "Where there is no file yet, 1,000 previews take {} and `cp` {}: {:.1} times.",
                point.own.ms(),
                point.cp.ms(),
                point.own.times(point.cp)
            );
        }
    }
    writeln!(
        text,
        "\nEach run, of `cp` too, replaces the file of the run before. {anew}\n\n\
         ![time over objects](performance.svg)\n"
    )?;
    let line = |cost: fn(&Point) -> Cost| -> Vec<(usize, f64)> {
        points.iter().map(|point| (point.objects, cost(point).time.as_secs_f64())).collect()
    };
    let (own, cp) = (line(|point| point.own), line(|point| point.cp));
    let lines = [
        Line { name: "anabranch render", colour: "#1565c0", points: &own },
        Line { name: "cp of its output", colour: "#888", points: &cp },
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.svg");
    fs::write(path, plot(&lines)?)?;
    Ok(())
}

/// One size of a build of the program, each run beside one of `cp`: over the files of the run before, or
/// where there are none.
fn size(
    program: &str,
    folder: &Path,
    previews: usize,
    extras: &[Extra],
    runs: usize,
    anew: bool,
) -> Result<Point> {
    let arguments = fixture_of(folder, previews, extras)?;
    let (output, copy) = (folder.join("output.yaml"), folder.join("copy.yaml"));
    let paths = [&output, &copy].map(|path| path.display().to_string());
    let (mut own, mut cp) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        if anew {
            fs::remove_file(&output)?;
            fs::remove_file(&copy)?;
        }
        own.push(measure(1, &output, &render(program, &arguments))?);
        cp.push(measure(1, &folder.join("null"), &["cp", &paths[0], &paths[1]])?);
    }
    let bytes = fs::metadata(&output)?.len();
    let objects = objects_in(&fs::read_to_string(&output)?);
    Ok(Point { objects, bytes, own: median(own), cp: median(cp) })
}

/// 1,000 previews of a shop that has more, one thing at a time and most of it at once.
fn extras(text: &mut String, folder: &Path) -> Result<()> {
    const ALL: [Extra; 6] = [
        Extra::Variables,
        Extra::Routes,
        Extra::WaysIn,
        Extra::Roles,
        Extra::Policies,
        Extra::Suite,
    ];
    let rows: [(&str, &[Extra]); 10] = [
        ("a variable for each service", &[Extra::Variables]),
        ("an HTTPRoute of two rules for each of the 200", &[Extra::Routes]),
        ("a VirtualService of two entries for each of the 200", &[Extra::VirtualServices]),
        ("20 routes of a Gateway", &[Extra::WaysIn]),
        ("a Role and its binding for each of the 200", &[Extra::Roles]),
        ("two policies, an autoscaler and a budget for each of the 200", &[Extra::Policies]),
        ("a suite and a notification", &[Extra::Suite]),
        ("all of these, without VirtualServices", &ALL),
        ("a patch for each service, always the same", &[Extra::Patches]),
        ("a patch for each service, another for each preview", &[Extra::OwnPatches]),
    ];
    writeln!(
        text,
        "## Larger inputs\n\nThe 1,000 previews above, with these additions:\n\n\
         | | objects | output | time | time / `cp` | memory | memory / output |\n\
         |---|---:|---:|---:|---:|---:|---:|"
    )?;
    for (name, extras) in rows {
        let point = size(ANABRANCH, folder, 1_000, extras, 15, false)?;
        writeln!(
            text,
            "| {name} | {} | {} | {} | {:.1} | {} | {:.1} |",
            point.objects,
            mb(point.bytes),
            point.own.ms(),
            point.own.times(point.cp),
            mb(point.own.memory),
            point.own.memory as f64 / point.bytes as f64
        )?;
    }
    writeln!(
        text,
        "\nA patch may change any part of an object, so its result is a tree, made once for each different patch.\n"
    )?;
    Ok(())
}

/// The static binary of releases and of the function's image, which has another C library.
fn static_binary(text: &mut String, folder: &Path) -> Result<()> {
    let program = env::var("STATIC_BINARY")?;
    let point = size(&program, folder, 1_000, &[], 31, false)?;
    let start = measure(51, &folder.join("null"), &[program.as_str(), "--version"])?;
    writeln!(
        text,
        "## The static binary\n\nThe program as it is released, linked with musl: 1,000 previews take {}, {:.1} times `cp`, and {} of memory; \
         start-up {}. All other figures are of a build for the system's own C library.\n",
        point.own.ms(),
        point.own.times(point.cp),
        mb(point.own.memory),
        start.ms()
    )?;
    Ok(())
}

/// What a person or a pull request waits for.
fn one(text: &mut String, folder: &Path) -> Result<()> {
    let null = folder.join("null");
    let version = measure(51, &null, &[ANABRANCH, "--version"])?;
    let nothing = measure(51, &null, &["true"])?;
    let mut arguments = fixture_of(folder, 1_000, &[])?;
    arguments.extend(["--only", "pr-42"].map(str::to_owned));
    let only = measure(31, &null, &render(ANABRANCH, &arguments))?;
    writeln!(
        text,
        "## One preview\n\n`render --only pr-42` of the 1,000 previews above: {}. Start-up, `anabranch --version`: {} (`true`: {}).\n",
        only.ms(),
        version.ms(),
        nothing.ms()
    )?;
    Ok(())
}

/// The tree, beside `cp -r` of it.
fn tree(text: &mut String, folder: &Path) -> Result<()> {
    let mut arguments = fixture_of(folder, 1_000, &[])?;
    let out = folder.join("tree");
    arguments.extend(["-o".to_owned(), out.display().to_string()]);
    let null = folder.join("null");
    let (mut times, mut copies) = (Vec::new(), Vec::new());
    let copy = folder.join("copied");
    for _ in 0..3 {
        times.push(measure(1, &null, &render(ANABRANCH, &arguments))?.time);
        let paths = [&out, &copy].map(|path| path.display().to_string());
        copies.push(measure(1, &null, &["cp", "-r", &paths[0], &paths[1]])?.time);
        fs::remove_dir_all(&copy)?;
        if copies.len() < 3 {
            fs::remove_dir_all(&out)?;
        }
    }
    let again = measure(3, &null, &render(ANABRANCH, &arguments))?;
    times.sort();
    copies.sort();
    let files = count(&out)?;
    writeln!(
        text,
        "## Tree\n\n1,000 previews as a folder of {files} files: {}, `cp -r` of the folder {}: {:.1} times. Rendered again over itself: {}.\n",
        ms(times[1]),
        ms(copies[1]),
        times[1].as_secs_f64() / copies[1].as_secs_f64(),
        again.ms()
    )?;
    Ok(())
}

fn count(folder: &Path) -> Result<usize> {
    let mut files = 0;
    for entry in walkdir::WalkDir::new(folder) {
        files += usize::from(entry?.file_type().is_file());
    }
    Ok(files)
}
