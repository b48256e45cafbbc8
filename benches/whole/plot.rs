//! Time over size, as SVG: both on logarithmic axes.

use std::fmt::Write as _;

use super::Result;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;

/// A line of the plot: its name, its colour, and objects with seconds.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) colour: &'a str,
    pub(crate) points: &'a [(usize, f64)],
}

fn x(objects: f64) -> f64 {
    60.0 + (objects.log10() - 1.0) / 5.0 * (WIDTH - 90.0)
}

fn y(seconds: f64) -> f64 {
    HEIGHT - 40.0 - (seconds.log10() + 3.0) / 5.0 * (HEIGHT - 70.0)
}

/// The plot of several lines.
pub(crate) fn plot(lines: &[Line<'_>]) -> Result<String> {
    let (right, bottom) = (WIDTH - 30.0, HEIGHT - 40.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for power in 1..=6 {
        let objects = 10_f64.powi(power);
        let at = x(objects);
        writeln!(
            svg,
            "<line x1=\"{at:.0}\" x2=\"{at:.0}\" y1=\"30\" y2=\"{bottom:.0}\" stroke=\"#ddd\"/>\n\
             <text x=\"{at:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{objects}</text>",
            bottom + 18.0
        )?;
    }
    for power in -3..=2 {
        let seconds = 10_f64.powi(power);
        let at = y(seconds);
        writeln!(
            svg,
            "<line y1=\"{at:.0}\" y2=\"{at:.0}\" x1=\"60\" x2=\"{right:.0}\" stroke=\"#ddd\"/>\n\
             <text x=\"54\" y=\"{:.0}\" text-anchor=\"end\">{seconds} s</text>",
            at + 4.0
        )?;
    }
    for (index, line) in lines.iter().enumerate() {
        let points: Vec<String> = line
            .points
            .iter()
            .map(|&(objects, seconds)| format!("{:.1},{:.1}", x(objects as f64), y(seconds)))
            .collect();
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{1}\" stroke-width=\"2\"/>\n\
             <text x=\"70\" y=\"{2}\" fill=\"{1}\">{3}</text>",
            points.join(" "),
            line.colour,
            46 + 16 * index,
            line.name
        )?;
    }
    writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">objects written</text>\n</svg>",
        WIDTH / 2.0,
        HEIGHT - 6.0
    )?;
    Ok(svg)
}
