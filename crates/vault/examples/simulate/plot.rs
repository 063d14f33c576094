//! The plot: one bar for each experiment on a logarithmic scale, with how sure it is, and the closed form beside it.

use std::fmt::Write as _;

/// One experiment.
pub(crate) struct Bar {
    pub(crate) name: &'static str,
    pub(crate) rate: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) expected: Option<f64>,
}

const WIDTH: f64 = 860.0;
const LEFT: f64 = 390.0;
const ROW: f64 = 44.0;
const TOP: f64 = 50.0;
/// The scale goes from one in ten million years to one a year.
const DECADES: (i32, i32) = (-7, 0);

/// The plot as SVG; readable on light and dark paper.
pub(crate) fn draw(bars: &[Bar]) -> String {
    let height = TOP + ROW * bars.len() as f64 + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>Loss of at least one photo, per household and year</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#faf8f3\"/>\n"
    );
    let bottom = height - 40.0;
    for decade in DECADES.0..=DECADES.1 {
        let x = place(10_f64.powi(decade));
        let label = if decade == 0 {
            "1".to_owned()
        } else {
            format!("10<tspan dy=\"-5\" font-size=\"9\">{decade}</tspan>")
        };
        writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"#ddd6c8\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#5c574d\">{label}</text>",
            bottom + 20.0
        )
        .unwrap_or_default();
    }
    writeln!(svg, "<text x=\"{LEFT}\" y=\"28\" fill=\"#2e2a24\">loss of at least one photo, per household and year</text>")
        .unwrap_or_default();
    for (row, bar) in bars.iter().enumerate() {
        svg.push_str(&row_of(bar, TOP + ROW * (row as f64 + 0.5)));
    }
    svg.push_str("</svg>\n");
    svg
}

fn row_of(bar: &Bar, y: f64) -> String {
    let (low, high) = (place(bar.low), place(bar.high));
    let mut row = format!(
        "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#2e2a24\">{}</text>\n\
         <line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#7a8f6a\" stroke-width=\"6\" stroke-linecap=\"round\"/>\n",
        LEFT - 14.0,
        y + 4.0,
        bar.name.replace('&', "&amp;"),
    );
    if bar.rate > 0.0 {
        writeln!(row, "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"#3f5a34\"/>", place(bar.rate))
            .unwrap_or_default();
    } else {
        writeln!(
            row,
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"#5c574d\">none seen; at most this</text>",
            high + 10.0,
            y + 4.0
        )
        .unwrap_or_default();
    }
    if let Some(expected) = bar.expected {
        let x = place(expected);
        writeln!(
            row,
            "<path d=\"M{x:.1} {:.1} l6 8 l-6 8 l-6 -8 z\" fill=\"none\" stroke=\"#a4552f\" stroke-width=\"2\"/>",
            y - 8.0
        )
        .unwrap_or_default();
    }
    row
}

fn place(rate: f64) -> f64 {
    let (least, most) = (f64::from(DECADES.0), f64::from(DECADES.1));
    let decade = rate.max(1e-30).log10().clamp(least, most);
    LEFT + (decade - least) / (most - least) * (WIDTH - LEFT - 40.0)
}
