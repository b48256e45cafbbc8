//! `make bench`: whole processes.
mod fixture;
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |index: usize| arguments[index].parse().unwrap_or(0);
    fixture::write(std::path::Path::new(&arguments[1]), number(2), number(3)).unwrap();
}
