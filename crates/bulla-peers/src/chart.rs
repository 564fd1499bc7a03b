//! The chart that the README shows: how long opening takes, as bars. No script, no font
//! of its own, readable on light and dark.

use std::fmt::Write as _;

/// A bar.
pub struct Row {
    /// Whose.
    pub label: String,
    /// Nanoseconds.
    pub ns: f64,
    /// Whether it is bulla's.
    pub ours: bool,
}

const ROW: usize = 24;
const LABEL: usize = 250;
const WIDTH: usize = 860;

/// Draws `rows`, the shortest first, on a scale that ends where most end; longer ones
/// are cut and say so.
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
    .expect("a string takes it");
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
        .expect("a string takes it");
    }
    svg.push_str("</svg>\n");
    svg
}

fn ns(ns: f64) -> String {
    if ns < 1000.0 { format!("{ns:.0} ns") } else { format!("{:.1} µs", ns / 1000.0) }
}
