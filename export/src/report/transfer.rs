//! A transfer: test scores by the target's sentences, gains on the baseline, and the network taken apart.

use super::page::{Cell, Section, Table, list, percent, spread};
use crate::transfer::{Row, Summary, figure};

/// The figure, a table of systems and one of the ablation.
pub fn section(summary: &Summary) -> Section {
    let mut section = Section::new("What few sentences gain", &summary.experiment);
    section.text(&format!(
        "Test scores of {}, F1 of spans or accuracy of plain labels in percent, ± one sample standard deviation over seeds; below each the gain on the \
         first system of its size, paired by seed, in points. At most {} steps of {} sentences, {} units a direction.",
        summary.target, summary.steps, summary.batch, summary.hidden
    ));
    section.figure("Test scores of each system by the target's training sentences", &figure::svg(summary, false));
    let (ablation, systems): (Vec<&Row>, Vec<&Row>) =
        summary.rows.iter().partition(|row| crate::transfer::System::ABLATION.contains(&row.system));
    for (caption, rows) in [("Systems", systems), ("Steps of the network, without the whole", ablation)] {
        if !rows.is_empty() {
            section.table(&table(caption, &rows));
        }
    }
    section
}

fn table(caption: &str, rows: &[&Row]) -> Table {
    let mut table = Table::new(caption, &["sentences", "system", "dev", "test", "seeds"]);
    for row in rows {
        let size =
            if row.size.to_string() == "all" { format!("{} (all)", row.sentences) } else { row.size.to_string() };
        let mut test = Cell::from(percent(&row.test));
        if let Some(gain) = &row.gain {
            test = test.below(spread(gain, 100.0, 2, true));
        }
        table.rows.push(vec![
            size.into(),
            row.system.name().into(),
            percent(&row.dev).into(),
            test,
            list(&row.seeds).into(),
        ]);
    }
    table
}
