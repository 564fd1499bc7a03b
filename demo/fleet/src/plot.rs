//! The plot of the keys of the clients' tokens over time.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bulla::keys::KeyId;
use plotters::prelude::*;

use crate::Outcome;
use crate::tally::Sample;

const COLOURS: [RGBColor; 5] = [
    RGBColor(31, 78, 121),
    RGBColor(198, 107, 61),
    RGBColor(91, 140, 90),
    RGBColor(142, 108, 160),
    RGBColor(120, 120, 120),
];

/// Draws a stacked area for each key, in the order in which the keys were first used.
pub(crate) fn draw(samples: &[Sample], seconds: &Duration, svg: &Path) -> Outcome {
    if let Some(folder) = svg.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut keys: Vec<KeyId> = Vec::new();
    let mut seen = BTreeSet::new();
    for key in samples.iter().flat_map(|sample| sample.keys.keys()) {
        if seen.insert(*key) {
            keys.push(*key);
        }
    }
    let most = samples.iter().map(|sample| sample.keys.values().sum::<usize>()).max().unwrap_or(1);

    let area = SVGBackend::new(svg, (960, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Clients by the key of their newest token", ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..seconds.as_secs_f64(), 0.0..most as f64 * 1.25)?;
    chart.configure_mesh().disable_mesh().x_desc("seconds").y_desc("clients").draw()?;
    // Each area starts at zero and covers the areas that were drawn earlier. Therefore the highest
    // area is drawn first.
    for (at, key) in keys.iter().enumerate().rev() {
        let colour = COLOURS[at % COLOURS.len()];
        let stack = samples.iter().map(|sample| {
            let height: usize = keys[..=at].iter().filter_map(|key| sample.keys.get(key)).sum();
            (sample.at.as_secs_f64(), height as f64)
        });
        chart
            .draw_series(AreaSeries::new(stack, 0.0, colour.filled()))?
            .label(key.to_string())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    area.present()?;
    Ok(())
}
