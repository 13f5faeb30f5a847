//! The figure of a long run, for the documentation.

use std::path::Path;

use huiju_sim::chart::{self, Chart, Line};

use super::faults::Faults;
use super::{Sample, rises};

/// Writes `docs/soak.svg`.
pub(super) fn write(samples: &[Sample], faults: &Faults, cameras: usize) {
    let minutes = samples.last().map_or(0.0, |sample| sample.minute);
    let line = |name: &str, value: &dyn Fn(&Sample) -> f64| {
        let points = samples.iter().map(|sample| (sample.minute, value(sample)));
        Line {
            name: name.to_owned(),
            points: points.collect(),
        }
    };
    let [memory, descriptors, tasks, ports] = rises(samples).map(|(_, rise)| rise * 100.0);
    let title = |zh: &str, en: &str| format!("{zh} · {en}");
    let charts = [
        Chart {
            title: title(
                &format!("{cameras} 路摄像机，{} 次故障：常驻内存", faults.made),
                &format!("resident memory ({memory:+.1} % / {minutes:.0} min)"),
            ),
            x: "min".to_owned(),
            y: "MiB".to_owned(),
            lines: vec![line("VmRSS", &|s| s.usage.resident_mib as f64)],
        },
        Chart {
            title: title(
                "描述符、任务",
                &format!("descriptors ({descriptors:+.1} %), tasks ({tasks:+.1} %)"),
            ),
            x: "min".to_owned(),
            y: String::new(),
            lines: vec![
                line("descriptors", &|s| s.usage.descriptors as f64),
                line("tasks", &|s| s.tasks as f64),
            ],
        },
        Chart {
            title: title(
                "RTP 端口、会话",
                &format!("RTP sockets ({ports:+.1} %), sessions"),
            ),
            x: "min".to_owned(),
            y: String::new(),
            lines: vec![
                line("RTP sockets", &|s| s.ports as f64),
                line("sessions", &|s| s.sessions as f64),
            ],
        },
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/soak.svg");
    chart::write(&path, &charts).unwrap();
}
