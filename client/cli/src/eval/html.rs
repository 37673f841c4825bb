//! The report as one page: figures, the curve drawn, rules. It loads nothing from
//! anywhere and follows the reader's light or dark setting.

use std::fmt::Write as _;

use super::report::Report;

/// The inner size of the drawing.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 320.0;
/// The space around it for words.
const LEFT: f64 = 52.0;
/// Half of the last label on the axis stands beyond it.
const RIGHT: f64 = 32.0;
const BELOW: f64 = 44.0;
const ABOVE: f64 = 16.0;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2024;--dim:#60646c;--line:#d9d9e0;--paper:#fff;--curve:#0d74ce;--other:#ab6400}
@media(prefers-color-scheme:dark){:root{--ink:#edeef0;--dim:#b0b4ba;--line:#363a3f;--paper:#111113;--curve:#70b8ff;--other:#ffca16}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:52rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}th{color:var(--dim);font-weight:500}
.wide{overflow-x:auto}svg{max-width:100%;height:auto}
svg text{fill:var(--dim);font-size:12px}
.grid{stroke:var(--line)}.curve{stroke:var(--curve);stroke-width:2;fill:none}
.other{stroke:var(--other);stroke-width:1.5;stroke-dasharray:5 4;fill:none}.dot{fill:var(--curve)}.spot{fill:var(--other)}";

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let title = format!("{} on {}", report.policy, domains(report));
    let mut page = String::new();
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{title}</h1>\n<p>{calls} calls. Recall {recall:.3} at an escalation rate of \
         {rate:.1} %; {needless:.1} % of the calls that should run are gated.</p>\n",
        title = escape(&title),
        calls = report.calls,
        recall = report.recall,
        rate = report.escalation_rate * 100.0,
        needless = report.gated_allow_rate * 100.0,
    );
    page.push_str("<h2>Recall over the escalation budget</h2>\n<div class=\"wide\">\n");
    page.push_str(&drawing(report));
    page.push_str("</div>\n<h2>Rules</h2>\n<div class=\"wide\">\n");
    page.push_str(&rules(report));
    page.push_str("</div>\n</body>\n</html>\n");
    page
}

fn domains(report: &Report) -> String {
    match report.domains.is_empty() {
        true => "all calls".to_owned(),
        false => report.domains.join(", "),
    }
}

fn x(budget: f64) -> f64 {
    LEFT + budget * WIDTH
}

fn y(recall: f64) -> f64 {
    ABOVE + (1.0 - recall) * HEIGHT
}

fn drawing(report: &Report) -> String {
    let mut svg = String::new();
    let (width, height) = (LEFT + WIDTH + RIGHT, ABOVE + HEIGHT + BELOW);
    let _ = writeln!(
        svg,
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" \
         aria-label=\"Recall over the share of calls that are put to a person\">"
    );
    for step in 0..=5 {
        let share = f64::from(step) / 5.0;
        let percent = step * 20;
        let (at_x, at_y) = (x(share), y(share));
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {at_y}H{}M{at_x} {ABOVE}V{}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{percent} %</text>\
             <text x=\"{at_x}\" y=\"{}\" text-anchor=\"middle\">{percent} %</text>",
            LEFT + WIDTH,
            ABOVE + HEIGHT,
            LEFT - 8.0,
            at_y + 4.0,
            ABOVE + HEIGHT + 18.0,
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">calls put to a person</text>",
        LEFT + WIDTH / 2.0,
        ABOVE + HEIGHT + 38.0
    );
    let mut path = format!("M{:.1} {:.1}", x(0.0), y(0.0));
    for point in &report.curve {
        let _ = write!(path, "L{:.1} {:.1}", x(point.budget), y(point.recall));
    }
    let (gated, write) = (report.gated_rate, report.every_write);
    let _ = writeln!(
        svg,
        "<path class=\"other\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/><path class=\"curve\" d=\"{path}\"/>\
         <circle class=\"spot\" r=\"4\" cx=\"{:.1}\" cy=\"{:.1}\"><title>gate every write</title></circle>\
         <circle class=\"dot\" r=\"5\" cx=\"{:.1}\" cy=\"{:.1}\"><title>this policy</title></circle>",
        x(0.0),
        y(0.0),
        x(write.budget),
        y(write.recall),
        x(write.budget),
        y(write.recall),
        x(gated),
        y(report.recall),
    );
    svg.push_str(
        "</svg>\n<p>Line: the calls in the order of their scores; dot: this policy as \
                  it decides. Dashed: every write, or as many of them as the budget allows.</p>\n",
    );
    svg
}

fn rules(report: &Report) -> String {
    let mut rows = String::from(
        "<table>\n<tr><th>Rule</th><th>Decided</th><th>Allowed</th><th>Missed</th>\
         <th>Caught</th><th>Needless</th></tr>\n",
    );
    for (name, count) in &report.rules {
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            count.decided,
            count.allowed,
            count.missed,
            count.caught,
            count.needless
        );
    }
    rows.push_str("</table>\n");
    rows
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
