//! Codes that one platform has for cameras, where they are not those that all others have.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Camera, CameraId, Catalog, GbCode};

/// What names a camera whatever its code at a platform is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CameraKey {
    /// Our id.
    Id(CameraId),
    /// Its own code.
    Code(GbCode),
}

impl std::str::FromStr for CameraKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = || text.parse().map(Self::Code);
        text.parse()
            .map(Self::Id)
            .or_else(|_| code())
            .map_err(|_| "is neither an id nor a code of 20 digits")
    }
}

/// The codes of cameras at one platform. Copies share them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OverrideCodes(Arc<Codes>);

#[derive(Debug, Default, Eq, PartialEq)]
struct Codes {
    there: HashMap<CameraKey, GbCode>,
    who: HashMap<GbCode, CameraKey>,
}

impl OverrideCodes {
    /// Puts codes together; the first of two for one camera, or of two cameras for one code, holds.
    pub fn new(codes: impl IntoIterator<Item = (CameraKey, GbCode)>) -> Self {
        let mut all = Codes::default();
        for (camera, code) in codes {
            if !all.there.contains_key(&camera) && !all.who.contains_key(&code) {
                all.there.insert(camera, code);
                all.who.insert(code, camera);
            }
        }
        Self(Arc::new(all))
    }

    /// All of them: nobody else may be given one.
    pub fn all(&self) -> impl Iterator<Item = GbCode> {
        self.0.who.keys().copied()
    }

    /// The code that the platform has for a camera. One that is another camera's own is not taken.
    pub fn code_of(&self, camera: &Camera, catalog: &Catalog) -> GbCode {
        let there = &self.0.there;
        let found = there.get(&CameraKey::Id(camera.id));
        let found = found.or_else(|| there.get(&CameraKey::Code(camera.code)));
        let is_free = |code: &&GbCode| {
            let other = catalog.by_code(**code);
            other.is_none_or(|other| other.id == camera.id)
        };
        found.filter(is_free).copied().unwrap_or(camera.code)
    }

    /// The camera that the platform means by a code.
    pub fn camera<'a>(&self, code: GbCode, catalog: &'a Catalog) -> Option<&'a Arc<Camera>> {
        let own = || catalog.by_code(code);
        let own = || own().filter(|camera| self.code_of(camera, catalog) == code);
        self.overridden(code, catalog).or_else(own)
    }

    fn overridden<'a>(&self, code: GbCode, catalog: &'a Catalog) -> Option<&'a Arc<Camera>> {
        let meant = match self.0.who.get(&code)? {
            CameraKey::Id(id) => catalog.by_id(*id),
            CameraKey::Code(own) => catalog.by_code(*own),
        };
        meant.filter(|camera| self.code_of(camera, catalog) == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Places, Record, Registry};

    #[test]
    fn a_platform_knows_cameras_by_its_own_codes_and_by_no_other() {
        let catalog = Catalog::new(
            (0..4).map(camera).collect(),
            Vec::new(),
            &Registry::default(),
            Places::default(),
            None,
        );
        let codes = OverrideCodes::new([
            (CameraKey::Id(camera(0).id), code(900)),
            (CameraKey::Code(code(1)), code(901)),
            // The own code of another camera is not taken, and a code is not given twice.
            (CameraKey::Code(code(2)), code(3)),
            (CameraKey::Code(code(3)), code(900)),
        ]);
        let there = |n| codes.code_of(&camera(n), &catalog);
        assert_eq!([0, 1, 2, 3].map(there), [900, 901, 2, 3].map(code));
        let who = |n| codes.camera(code(n), &catalog).map(|camera| camera.code);
        assert_eq!(
            [900, 901, 2, 3].map(who),
            [0, 1, 2, 3].map(|n| Some(code(n)))
        );
        assert_eq!([0, 1, 902].map(who), [None, None, None]);
        let none = OverrideCodes::default();
        assert_eq!(none.code_of(&camera(0), &catalog), code(0));
        assert_eq!(
            none.camera(code(0), &catalog).map(|c| c.id),
            Some(camera(0).id)
        );
    }

    fn code(n: u32) -> GbCode {
        format!("43021100111326{n:06}").parse().unwrap()
    }

    fn camera(n: u32) -> Arc<Camera> {
        Arc::new(Camera {
            id: CameraId::derive("education", &n.to_string(), 0),
            code: code(n),
            record: Record::sample(),
            pull: Default::default(),
        })
    }
}
