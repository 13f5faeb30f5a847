//! How good what is known of cameras is: what is missing, invalid, conflicting, outside, forbidden; a score, and what
//! would raise it most. Pure.
//!
//! A camera begins with 100 points and loses those of an aspect ([`Aspect::weight`]) once, by the worst that is wrong
//! with it; one that hangs where none may hang loses all. The score is what cameras have left on average. So the losses
//! by kind are what mending each would raise it by, and together the way to 100. All is whole numbers, and cameras are
//! looked at by their codes: the same cameras make the same report in whatever order they come.
//!
//! Cameras that their owner took out of service are counted and no more: that is how a list is cleared of what is gone.

mod fields;
mod finding;
mod judge;
mod places;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Camera, CameraId, Catalog, Sameness, Upkeep};

pub use self::fields::Aspect;
pub use self::finding::{Kind, Place, Severity};
use self::judge::{Judge, Loss};
pub use self::rows::{rows, text};

/// What was found of all cameras, and of each department's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Of all.
    pub whole: Part,
    /// Of each department, in the order of the configuration.
    pub departments: Vec<Part>,
}

/// What was found of some cameras.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// The id and the name of the department; `None` for all.
    pub department: Option<(String, String)>,
    /// Cameras that are judged.
    pub cameras: usize,
    /// Cameras that their owner took out of service, and are not.
    pub disabled: usize,
    /// 100 where nothing is wrong; `None` where there is no camera.
    pub score: Option<Points>,
    /// By point class: 1, 2, 3, 9.
    pub classes: Vec<ClassPart>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// What would raise the score, the most first.
    pub raises: Vec<Raise>,
    /// Pairs that may be one camera, the first of them.
    pub duplicates: Vec<Pair>,
}

/// The cameras of a point class.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClassPart {
    /// 1, 2, 3 or 9.
    pub point_class: u8,
    /// How many there are.
    pub cameras: usize,
    /// How much of what they need is filled, by weight, in a hundred.
    pub complete: Option<Points>,
    /// What they need, and how many have it; those that hang where none may hang need nothing.
    pub fields: Vec<FieldPart>,
}

/// A field that a class needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FieldPart {
    /// Which.
    pub field: Aspect,
    /// Cameras that need it.
    pub needed: usize,
    /// Cameras that have it, or can do without.
    pub filled: usize,
}

/// Something that is wrong with cameras.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// With how many.
    pub count: usize,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// A camera that stands for others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Example {
    /// Its id.
    pub id: CameraId,
    /// Its name.
    pub name: String,
}

/// What mending something would raise the score by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Raise {
    /// What.
    pub kind: Kind,
    /// On so many cameras.
    pub count: usize,
    /// By so much.
    pub by: Points,
}

/// Two cameras that may be one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pair {
    /// By what.
    pub by: Sameness,
    /// The one with the lower code.
    pub one: Example,
    /// The other.
    pub other: Example,
}

/// Hundredths of a point, or of a hundredth part.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Points(pub u32);

impl std::fmt::Display for Points {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

impl Points {
    /// So many of so many, in a hundred; all only where it is all.
    fn part(some: usize, all: usize) -> Self {
        let all = (all as u64).max(1);
        Self(u32::try_from(some as u64 * u64::from(WHOLE) / all).unwrap_or(WHOLE))
    }
}

impl Report {
    /// Judges a catalogue; each finding names up to `examples` cameras.
    pub fn of(catalog: &Catalog, examples: usize) -> Self {
        let judge = Judge::new(catalog);
        let mut whole = Tally::default();
        let mut by_department: BTreeMap<&str, Tally> = BTreeMap::new();
        for (number, camera) in catalog.cameras().iter().enumerate() {
            let department = by_department.entry(&camera.record.department).or_default();
            for tally in [&mut whole, department] {
                tally.count(number, camera, &judge, examples);
            }
        }
        let sheet = Sheet {
            cameras: catalog.cameras(),
            judge: &judge,
            examples,
        };
        let departments = catalog.departments().iter().map(|department| {
            let tally = by_department.remove(department.id.as_str());
            let name = (department.id.clone(), department.name.clone());
            sheet.part(Some(name), tally.unwrap_or_default())
        });
        let departments = departments.collect();
        Self {
            whole: sheet.part(None, whole),
            departments,
        }
    }

    /// What was found of one department's cameras.
    pub fn department(&self, id: &str) -> Option<&Part> {
        let is_it = |part: &&Part| part.department.as_ref().is_some_and(|(own, _)| own == id);
        self.departments.iter().find(is_it)
    }
}

/// What was counted so far.
#[derive(Default)]
struct Tally {
    cameras: usize,
    disabled: usize,
    lost: u64,
    classes: BTreeMap<u8, ClassTally>,
    kinds: BTreeMap<Kind, KindTally>,
}

#[derive(Default)]
struct ClassTally {
    cameras: usize,
    /// Those that need something.
    needy: usize,
    missing: BTreeMap<Aspect, usize>,
}

#[derive(Default)]
struct KindTally {
    count: usize,
    /// Those that lose points by it.
    losing: usize,
    lost: u64,
    examples: Vec<usize>,
}

impl Tally {
    fn count(&mut self, number: usize, camera: &Camera, judge: &Judge<'_>, examples: usize) {
        if camera.record.upkeep == Upkeep::Disabled {
            self.disabled += 1;
            return;
        }
        self.cameras += 1;
        let class = self.classes.entry(camera.record.point_class).or_default();
        class.cameras += 1;
        class.needy += usize::from(camera.is_in_service());
        for Loss { kind, points } in judge.losses(number, camera) {
            if let Kind::Missing(aspect) = kind {
                *class.missing.entry(aspect).or_default() += 1;
            }
            let tally = self.kinds.entry(kind).or_default();
            tally.count += 1;
            tally.losing += usize::from(points > 0);
            tally.lost += u64::from(points);
            self.lost += u64::from(points);
            if tally.examples.len() < examples {
                tally.examples.push(number);
            }
        }
    }
}

/// What a part is made with.
struct Sheet<'a> {
    cameras: &'a [Arc<Camera>],
    judge: &'a Judge<'a>,
    examples: usize,
}

impl Sheet<'_> {
    fn part(&self, department: Option<(String, String)>, tally: Tally) -> Part {
        let of = tally.cameras;
        let id = department.as_ref().map(|(id, _)| id.as_str());
        let raises = tally.kinds.iter().filter(|(_, kind)| kind.lost > 0);
        let mut raises: Vec<_> = raises.collect();
        // Equal ones stay in the order of their kinds.
        raises.sort_by_key(|(_, kind)| std::cmp::Reverse(kind.lost));
        let raises = raises.into_iter().map(|(kind, tally)| Raise {
            kind: *kind,
            count: tally.losing,
            by: Points(share(tally.lost, of).round()),
        });
        let mut findings: Vec<_> = tally
            .kinds
            .iter()
            .map(|(kind, tally)| self.finding(*kind, tally))
            .collect();
        findings.sort_by_key(|finding| finding.kind.severity());
        Part {
            cameras: of,
            disabled: tally.disabled,
            // Only where nothing is lost it is 100.
            score: (of > 0).then(|| Points(WHOLE.saturating_sub(share(tally.lost, of).up()))),
            classes: tally
                .classes
                .iter()
                .map(|(class, tally)| tally.part(*class))
                .collect(),
            raises: raises.collect(),
            findings,
            duplicates: self.pairs(id),
            department,
        }
    }

    fn finding(&self, kind: Kind, tally: &KindTally) -> Finding {
        Finding {
            kind,
            count: tally.count,
            examples: tally
                .examples
                .iter()
                .filter_map(|number| self.example(*number))
                .collect(),
        }
    }

    fn example(&self, number: usize) -> Option<Example> {
        let camera = self.cameras.get(number)?;
        Some(Example {
            id: camera.id,
            name: camera.record.name.clone(),
        })
    }

    /// The first pairs of which one is in the department.
    fn pairs(&self, department: Option<&str>) -> Vec<Pair> {
        let is_in = |number: usize| {
            let camera = self.cameras.get(number);
            camera.is_some_and(|camera| department.is_none_or(|id| camera.record.department == id))
        };
        let pairs = self.judge.duplicates().iter();
        let pairs = pairs.filter(|pair| is_in(pair.one) || is_in(pair.other));
        pairs
            .take(self.examples)
            .filter_map(|pair| {
                Some(Pair {
                    by: pair.by,
                    one: self.example(pair.one)?,
                    other: self.example(pair.other)?,
                })
            })
            .collect()
    }
}

impl ClassTally {
    fn part(&self, class: u8) -> ClassPart {
        let needed = Aspect::all().filter(|field| field.is_field() && field.weight(class) > 0);
        let needed: Vec<_> = needed.collect();
        let missing = |field: &Aspect| self.missing.get(field).copied().unwrap_or_default();
        let weights: u32 = needed.iter().map(|field| field.weight(class)).sum();
        let lost = needed
            .iter()
            .map(|field| missing(field) as u64 * u64::from(field.weight(class)));
        let lost = share(lost.sum::<u64>() * 100, self.needy * weights as usize);
        ClassPart {
            point_class: class,
            cameras: self.cameras,
            complete: (self.needy > 0).then(|| Points(WHOLE.saturating_sub(lost.up()))),
            fields: needed
                .iter()
                .map(|field| FieldPart {
                    field: *field,
                    needed: self.needy,
                    filled: self.needy - missing(field),
                })
                .collect(),
        }
    }
}

/// Points that are spread over cameras, in hundredths.
struct Share {
    hundredths: u64,
    cameras: u64,
}

fn share(points: u64, cameras: usize) -> Share {
    Share {
        hundredths: points * 100,
        cameras: (cameras as u64).max(1),
    }
}

impl Share {
    fn up(&self) -> u32 {
        u32::try_from(self.hundredths.div_ceil(self.cameras)).unwrap_or(u32::MAX)
    }

    /// Never nothing: something is lost.
    fn round(&self) -> u32 {
        let rounded = (self.hundredths + self.cameras / 2) / self.cameras;
        u32::try_from(rounded.max(1)).unwrap_or(u32::MAX)
    }
}

/// 100 in hundredths.
const WHOLE: u32 = 10_000;

#[cfg(test)]
mod tests;
