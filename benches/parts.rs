//! The parts of a run by themselves, each beside something outside where there is one.

use std::hint::black_box;

use anabranch::diagnostic::{Report, Sources};
use anabranch::limits::{InputLimits, OutputLimits};
use anabranch::pipeline::{Config, Object, OutputShape, Parted, Request, compile};
use anabranch::yaml::{Node, parse_documents, write_stream};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize as _;

#[path = "whole/fixture.rs"]
#[expect(dead_code, reason = "the other benchmark uses the rest")]
mod fixture;

fn parse(text: &str) -> Vec<Node> {
    let mut sources = Sources::default();
    let file = sources.add("input.yaml", text);
    parse_documents(&sources, file, &InputLimits::default()).expect("the fixture is YAML")
}

/// Text to trees: plain YAML, what the parser must read, and another reader.
fn read(c: &mut Criterion) {
    let plain = fixture::baseline(200, &[]);
    // One folded text in each document sends it to the parser.
    let folded = plain.replace("\nmetadata:\n", "\nx: >\n  y\nmetadata:\n");
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Bytes(plain.len() as u64));
    group.bench_function("plain", |b| b.iter(|| parse(black_box(&plain))));
    group.bench_function("with the parser", |b| b.iter(|| parse(black_box(&folded))));
    group.bench_function("yaml_serde", |b| {
        b.iter(|| {
            let documents = yaml_serde::Deserializer::from_str(black_box(&plain));
            let read = documents.map(|one| yaml_serde::Value::deserialize(one).expect("YAML"));
            read.collect::<Vec<_>>()
        });
    });
    group.finish();
}

/// Trees to text.
fn write(c: &mut Criterion) {
    let text = fixture::baseline(200, &[]);
    let nodes = parse(&text);
    let values: Vec<yaml_serde::Value> = yaml_serde::Deserializer::from_str(&text)
        .map(|one| yaml_serde::Value::deserialize(one).expect("YAML"))
        .collect();
    let mut group = c.benchmark_group("write");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("trees", |b| b.iter(|| write_stream(black_box(&nodes))));
    group.bench_function("yaml_serde", |b| {
        b.iter(|| {
            let texts = values.iter().map(|one| yaml_serde::to_string(one).expect("YAML"));
            texts.collect::<String>()
        });
    });
    group.finish();
}

/// Validation, plan and text of 100 previews, from trees.
fn expand(c: &mut Criterion) {
    let config = Config::read(parse(&fixture::previews(100, 200, &[])).remove(0)).expect("valid");
    let objects: Vec<Object> = parse(&fixture::baseline(200, &[]))
        .into_iter()
        .map(|node| Object::from_node(node).expect("an object"))
        .collect();
    let request =
        Request { shape: OutputShape::Stream, limits: OutputLimits::default(), only: &[] };
    let mut group = c.benchmark_group("expand");
    group.throughput(Throughput::Elements(100));
    group.bench_function("100 previews", |b| {
        b.iter_batched(
            || Parted { users: objects.clone(), ..Parted::default() },
            |mut input| {
                compile(&config, &mut input, &request, &mut Report::default(), |compiled| {
                    compiled.texts().map(|(_, text)| text.len()).sum::<usize>()
                })
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, read, write, expand);
criterion_main!(benches);
