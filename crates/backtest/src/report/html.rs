//! The report as one page: dark, self-contained, no scripts, no requests.

use super::{Cell, Column, ReportInput, Sheet, Tone, equity, sheets};
use std::fmt::Write;

const STYLE: &str = "\
:root{color-scheme:dark}\
body{margin:2rem auto;max-width:72rem;padding:0 1rem;background:#11151c;color:#d7dde8;\
font:14px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}\
h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:.85rem;letter-spacing:.08em;color:#8fa0b8;margin:2rem 0 .5rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.25rem .75rem;border-bottom:1px solid #232b38;text-align:left;white-space:nowrap}\
th{color:#8fa0b8;font-weight:600;vertical-align:bottom;white-space:pre}\
.n{text-align:right;white-space:pre}.g{color:#4cc38a}.l{color:#f2666d}\
tr.total td{border-top:2px solid #3a465a;font-weight:600}tr.gap td{height:.5rem;border:0}\
p{color:#8fa0b8;margin:.5rem 0}svg{display:block;width:100%;height:auto;background:#161b24;border-radius:6px}\
text{fill:#8fa0b8;font:12px system-ui,sans-serif}";

/// The page.
pub(super) fn render(input: &ReportInput<'_>) -> String {
    let sheets = sheets(input);
    let mut page = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
    page.push_str("<title>Backtest report</title>\n<style>");
    page.push_str(STYLE);
    page.push_str("</style>\n</head>\n<body>\n<h1>Backtest report</h1>\n");
    for (number, sheet) in sheets.iter().enumerate() {
        push_sheet(&mut page, sheet);
        if number == 0 {
            charts(&mut page, input);
        }
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn push_sheet(page: &mut String, sheet: &Sheet) {
    let _ = writeln!(page, "<h2>{}</h2>", escaped(&sheet.title));
    if !sheet.columns.is_empty() {
        page.push_str("<div class=\"wide\"><table>\n<thead><tr>");
        for column in &sheet.columns {
            let _ = write!(page, "<th{}>{}</th>", class(column, Tone::Plain), escaped(&column.head));
        }
        page.push_str("</tr></thead>\n<tbody>\n");
        for (number, row) in sheet.rows.iter().enumerate() {
            push_row(page, sheet, row, sheet.has_total && number + 1 == sheet.rows.len());
        }
        page.push_str("</tbody></table></div>\n");
    }
    for remark in &sheet.remarks {
        let _ = writeln!(page, "<p>{}</p>", escaped(remark));
    }
}

fn push_row(page: &mut String, sheet: &Sheet, row: &[Cell], is_total: bool) {
    if row.is_empty() {
        let _ = writeln!(page, "<tr class=\"gap\"><td colspan=\"{}\"></td></tr>", sheet.columns.len());
        return;
    }
    page.push_str(if is_total { "<tr class=\"total\">" } else { "<tr>" });
    for (column, cell) in sheet.columns.iter().zip(row) {
        let _ = write!(page, "<td{}>{}</td>", class(column, cell.tone), escaped(&cell.text));
    }
    page.push_str("</tr>\n");
}

fn class(column: &Column, tone: Tone) -> &'static str {
    match (column.is_right, tone) {
        (false, Tone::Plain) => "",
        (false, Tone::Gain) => " class=\"g\"",
        (false, Tone::Loss) => " class=\"l\"",
        (true, Tone::Plain) => " class=\"n\"",
        (true, Tone::Gain) => " class=\"n g\"",
        (true, Tone::Loss) => " class=\"n l\"",
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && c != '\n' => {}
            c => safe.push(c),
        }
    }
    safe
}

/// A curve over days: its values, the first of them at the start of the run.
struct Chart<'a> {
    title: &'a str,
    values: &'a [f64],
    height: f64,
    colour: &'a str,
    /// The value the area below the curve is filled to.
    base: f64,
}

const WIDTH: f64 = 1000.0;
/// More points than these cannot be seen; the extremes of each step are kept.
const MAX_POINTS: usize = 2_000;

fn charts(page: &mut String, input: &ReportInput<'_>) {
    let outcome = input.outcome;
    if outcome.days.is_empty() {
        return;
    }
    let start = outcome.initial_balance.to_f64();
    let values: Vec<f64> =
        std::iter::once(start).chain(outcome.days.iter().map(|d| d.equity.to_f64())).collect();
    let mut peak = f64::MIN;
    let falls: Vec<f64> = values
        .iter()
        .map(|value| {
            peak = peak.max(*value);
            if peak > 0.0 { (value / peak - 1.0) * 100.0 } else { 0.0 }
        })
        .collect();
    let equity_title = format!("EQUITY, {}", input.currency());
    let equity_chart =
        Chart { title: &equity_title, values: &values, height: 260.0, colour: "#5b9dff", base: start };
    let fall_chart =
        Chart { title: "DRAWDOWN, %", values: &falls, height: 140.0, colour: "#f2666d", base: 0.0 };
    let days = (outcome.days.first(), outcome.days.last());
    let dates = (
        days.0.map_or(String::new(), |d| equity::date(d.day)),
        days.1.map_or(String::new(), |d| equity::date(d.day)),
    );
    push_chart(page, &equity_chart, &dates);
    push_chart(page, &fall_chart, &dates);
}

fn push_chart(page: &mut String, chart: &Chart<'_>, (from, to): &(String, String)) {
    let low = chart.values.iter().copied().fold(chart.base, f64::min);
    let high = chart.values.iter().copied().fold(chart.base, f64::max);
    let spread = if high > low { high - low } else { 1.0 };
    let last = (chart.values.len().max(2) - 1) as f64;
    let x = |i: usize| i as f64 / last * WIDTH;
    let y = |value: f64| 20.0 + (high - value) / spread * (chart.height - 45.0);
    let mut points = String::new();
    for i in visible(chart.values) {
        let _ = write!(points, "{:.1},{:.1} ", x(i), y(chart.values[i]));
    }
    let (h, base, colour) = (chart.height, y(chart.base), chart.colour);
    let right = x(chart.values.len() - 1);
    let _ = write!(
        page,
        "<h2>{title}</h2>\n<svg viewBox=\"0 0 {WIDTH} {h}\" role=\"img\" aria-label=\"{title}\">\n\
         <polygon points=\"0,{base:.1} {points}{right:.1},{base:.1}\" fill=\"{colour}\" fill-opacity=\"0.15\"/>\n\
         <line x1=\"0\" y1=\"{base:.1}\" x2=\"{WIDTH}\" y2=\"{base:.1}\" stroke=\"#3a465a\" stroke-dasharray=\"4 4\"/>\n\
         <polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n\
         <text x=\"8\" y=\"14\">{high:.2}</text><text x=\"8\" y=\"{bottom}\">{low:.2}</text>\n\
         <text x=\"80\" y=\"{bottom}\">{from}</text><text x=\"992\" y=\"{bottom}\" text-anchor=\"end\">{to}</text>\n</svg>\n",
        title = escaped(chart.title),
        bottom = h - 8.0,
    );
}

/// Which values to draw: all, or the lowest and the highest of each of many equal steps, and the last.
fn visible(values: &[f64]) -> Vec<usize> {
    if values.len() <= MAX_POINTS {
        return (0..values.len()).collect();
    }
    let step = values.len().div_ceil(MAX_POINTS / 2);
    let mut chosen = Vec::with_capacity(MAX_POINTS + 1);
    for first in (0..values.len()).step_by(step) {
        let range = first..(first + step).min(values.len());
        let low = range.clone().min_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(first);
        let high = range.max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(first);
        chosen.extend([low.min(high), low.max(high)]);
    }
    chosen.push(values.len() - 1);
    chosen.dedup();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_keep_their_extremes() {
        let mut values: Vec<f64> = (0..50_000).map(|i| f64::from(i % 7)).collect();
        values[31_234] = -99.0;
        values[40_000] = 99.0;
        let chosen = visible(&values);
        assert!(chosen.len() <= MAX_POINTS + 1 && chosen.is_sorted(), "{}", chosen.len());
        assert!([0, 31_234, 40_000, 49_999].iter().all(|i| chosen.contains(i)));
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escaped("<script>\"&'\u{1b}"), "&lt;script&gt;&quot;&amp;&#39;");
    }
}
