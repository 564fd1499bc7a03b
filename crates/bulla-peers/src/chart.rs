//! The chart in the README, which shows how long opening takes. The chart needs no script and no
//! font, and is readable on light and dark backgrounds.

use std::fmt::Write as _;

/// A bar of the chart.
pub struct Row {
    /// The name of the library.
    pub label: String,
    /// The length of the bar, in nanoseconds.
    pub ns: f64,
    /// Whether the library is bulla.
    pub ours: bool,
}

const ROW: usize = 24;
const LABEL: usize = 250;
const WIDTH: usize = 860;

/// Draws `rows` on a scale that ends at `scale` nanoseconds. Longer bars are cut, and an ellipsis
/// marks them.
pub fn draw(title: &str, rows: &[Row], scale: f64) -> String {
    let height = 70 + rows.len() * ROW;
    let mut svg = String::new();
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>{title}</title>\n\
         <style>text{{fill:#333}}.t{{font-size:16px;font-weight:600}}.o{{fill:#1a7f5a}}\
         .p{{fill:#9aa5b1}}@media(prefers-color-scheme:dark){{text{{fill:#ddd}}}}</style>\n\
         <text class=\"t\" x=\"12\" y=\"28\">{title}</text>"
    )
    .expect("writing to a string cannot fail");
    for (at, row) in rows.iter().enumerate() {
        let y = 48 + at * ROW;
        let room = (WIDTH - LABEL - 130) as f64;
        let (width, cut) = ((row.ns / scale).min(1.0) * room, row.ns > scale);
        let figure = if cut { format!("… {}", ns(row.ns)) } else { ns(row.ns) };
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{}\" x=\"{LABEL}\" y=\"{y}\" width=\"{width:.0}\" height=\"16\" rx=\"2\"/>\
             <text x=\"{:.0}\" y=\"{}\">{figure}</text>",
            LABEL - 8,
            y + 13,
            row.label,
            if row.ours { "o" } else { "p" },
            LABEL as f64 + width + 6.0,
            y + 13,
        )
        .expect("writing to a string cannot fail");
    }
    svg.push_str("</svg>\n");
    svg
}

fn ns(ns: f64) -> String {
    if ns < 1000.0 { format!("{ns:.0} ns") } else { format!("{:.1} µs", ns / 1000.0) }
}
