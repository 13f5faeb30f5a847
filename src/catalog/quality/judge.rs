//! Judges one camera after another.

use std::collections::HashMap;

use super::super::{Camera, Catalog, Duplicate, Record, Sameness, Upkeep, duplicates};
use super::fields::Aspect;
use super::finding::{Kind, Place};
use super::places::Places;

/// What is known of all cameras together.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    duplicates: Vec<Duplicate>,
    /// By what a camera may be another one, the surest first.
    same: HashMap<usize, Vec<Sameness>>,
    places: Places<'a>,
}

/// Points that a camera loses by something that is wrong with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Loss {
    pub(super) kind: Kind,
    /// None where others have taken them already, or it is worth none.
    pub(super) points: u32,
}

impl<'a> Judge<'a> {
    pub(super) fn new(catalog: &'a Catalog) -> Self {
        let judged = catalog.cameras().iter().enumerate();
        let judged = judged.filter(|(_, camera)| camera.is_in_service());
        let (numbers, records): (Vec<usize>, Vec<&Record>) = judged
            .map(|(number, camera)| (number, &camera.record))
            .unzip();
        let number = |place: usize| numbers.get(place).copied();
        let found = duplicates(&records, catalog.departments()).into_iter();
        let duplicates: Vec<_> = found
            .filter_map(|pair| {
                Some(Duplicate {
                    one: number(pair.one)?,
                    other: number(pair.other)?,
                    by: pair.by,
                })
            })
            .collect();
        let mut same: HashMap<usize, Vec<Sameness>> = HashMap::new();
        for pair in &duplicates {
            same.entry(pair.one).or_default().push(pair.by);
            same.entry(pair.other).or_default().push(pair.by);
        }
        for by in same.values_mut() {
            by.sort_unstable();
            by.dedup();
        }
        Self {
            duplicates,
            same,
            places: Places::new(catalog),
        }
    }

    /// All pairs, by the numbers of their cameras.
    pub(super) fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }

    /// What is wrong with the camera of that number.
    pub(super) fn losses(&self, number: usize, camera: &Camera) -> Vec<Loss> {
        if camera.record.upkeep == Upkeep::NotAllowed {
            // What else is known of it is of no use.
            let kind = Kind::ForbiddenPlace;
            return vec![Loss { kind, points: 100 }];
        }
        let mut account = Account {
            class: camera.record.point_class,
            losses: Vec::new(),
            spent: Vec::new(),
        };
        for aspect in Aspect::all() {
            if aspect.weight(account.class) > 0 && !aspect.is_filled(camera) {
                account.lose(Kind::Missing(aspect), aspect);
            }
        }
        self.place(number, camera, &mut account);
        code(camera, &mut account);
        for by in self.same.get(&number).into_iter().flatten() {
            account.lose(Kind::Duplicate(*by), Aspect::Unique);
        }
        let details = &camera.record.details;
        if details
            .record_days
            .is_some_and(|days| days < RECORD_DAYS_MIN)
        {
            account.lose(Kind::RecordDaysShort, Aspect::RecordDays);
        }
        let by_path = camera.record.location.channel();
        if by_path.is_some_and(|channel| details.channel.is_some_and(|own| own != channel)) {
            account.note(Kind::ChannelDiffers);
        }
        account.losses
    }

    fn place(&self, number: usize, camera: &Camera, account: &mut Account) {
        let position = camera.record.position;
        if self.places.is_outside(number) {
            account.lose(Kind::OutsideDistrict, Aspect::Position);
        } else if position.is_some_and(|position| position.wgs84().is_none()) {
            account.lose_half(Kind::DatumUnsure, Aspect::Position);
        }
        for place in Place::ALL {
            let aspect = match place {
                Place::Town => Aspect::Division,
                Place::Community | Place::Grid => Aspect::Grid,
            };
            if self.places.is_unknown(camera, place) {
                account.lose(Kind::UnknownRegion(place), aspect);
            } else if self.places.elsewhere(number).contains(&place) {
                account.lose(Kind::Elsewhere(place), aspect);
            }
        }
        if self.places.is_of_other_division(camera) {
            account.lose(Kind::CivilCodeTown, Aspect::Division);
        }
    }
}

fn code(camera: &Camera, account: &mut Account) {
    if camera
        .record
        .gb_code
        .is_some_and(|code| code != camera.code)
    {
        account.lose(Kind::GbCodeTaken, Aspect::Code);
    }
    if !CAMERA_KINDS.contains(&camera.code.kind()) {
        account.lose(Kind::GbCodeKind, Aspect::Code);
    }
}

/// What a camera has lost so far: each aspect once.
struct Account {
    class: u8,
    losses: Vec<Loss>,
    spent: Vec<Aspect>,
}

impl Account {
    fn lose(&mut self, kind: Kind, aspect: Aspect) {
        self.take(kind, aspect, aspect.weight(self.class));
    }

    /// Something that is there, and of some use.
    fn lose_half(&mut self, kind: Kind, aspect: Aspect) {
        self.take(kind, aspect, aspect.weight(self.class).div_ceil(2));
    }

    /// Something that costs nothing.
    fn note(&mut self, kind: Kind) {
        self.losses.push(Loss { kind, points: 0 });
    }

    fn take(&mut self, kind: Kind, aspect: Aspect, points: u32) {
        let points = if self.spent.contains(&aspect) {
            0
        } else {
            points
        };
        self.spent.push(aspect);
        self.losses.push(Loss { kind, points });
    }
}

/// Cameras by annex D of GB/T 28181-2016: 131 one, 132 one of a network.
const CAMERA_KINDS: [u16; 2] = [131, 132];
/// Days (State Council Order 799, article 17).
const RECORD_DAYS_MIN: u16 = 30;
