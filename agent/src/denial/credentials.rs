//! What a task was when it was refused: its ids, groups and capabilities, and
//! how its user namespace calls the ids of the initial one.
//!
//! In: nothing. Out: the types that decode fills. Invariant: what was not read
//! is not there; an id is never passed off as its overflow id. Lacks on purpose:
//! deciding what the task may do, which `classify` does.

/// What the kernel's tests of mode bits and ownership went by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The effective capabilities, bit by number.
    pub capabilities: u64,
    /// Supplementary groups in the initial user namespace, as far as they were carried.
    pub groups: Vec<u32>,
    /// How many there are; more than `groups` holds where not all were carried.
    pub groups_len: u32,
    /// Inode number of the task's user namespace.
    pub user_namespace: u32,
    /// Of user ids.
    pub uid_map: IdMap,
    /// Of group ids.
    pub gid_map: IdMap,
}

impl Credentials {
    /// Is the capability of this number effective?
    pub fn has_capability(&self, number: u32) -> bool {
        self.capabilities
            .checked_shr(number)
            .is_some_and(|bits| bits & 1 == 1)
    }

    /// Were all supplementary groups carried?
    pub fn has_all_groups(&self) -> bool {
        usize::try_from(self.groups_len).is_ok_and(|len| len <= self.groups.len())
    }
}

/// A run of ids that a user namespace maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First id inside.
    pub inside: u32,
    /// First id in the initial user namespace.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// How a user namespace calls the ids of the initial one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdMap {
    /// By these runs; any other id has no name inside and shows as the overflow id.
    Extents(Vec<Extent>),
    /// By more runs than were carried.
    Unread,
}

/// An id of the initial user namespace, as another one calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// By this id.
    Id(u32),
    /// Not at all: programs inside see the overflow id, 65534.
    Unmapped,
    /// The map is not known.
    Unknown,
}

impl Inside {
    /// The id, where there is one.
    pub const fn id(self) -> Option<u32> {
        match self {
            Inside::Id(id) => Some(id),
            Inside::Unmapped | Inside::Unknown => None,
        }
    }
}

impl IdMap {
    /// How an id of the initial user namespace is called inside.
    pub fn inside(&self, id: u32) -> Inside {
        let IdMap::Extents(extents) = self else {
            return Inside::Unknown;
        };
        extents
            .iter()
            .find_map(|extent| {
                let past = id.checked_sub(extent.outside)?;
                (past < extent.count).then(|| extent.inside.wrapping_add(past))
            })
            .map_or(Inside::Unmapped, Inside::Id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extents(extents: &[[u32; 3]]) -> IdMap {
        let extents = extents.iter().map(|[inside, outside, count]| Extent {
            inside: *inside,
            outside: *outside,
            count: *count,
        });
        IdMap::Extents(extents.collect())
    }

    #[test]
    fn a_rootless_podmans_ids_are_those_of_its_container() {
        let map = extents(&[[0, 1000, 1], [1, 100_000, 65_536]]);
        for (outside, inside) in [
            (1000, Inside::Id(0)),
            (100_000, Inside::Id(1)),
            (165_535, Inside::Id(65_536)),
            (165_536, Inside::Unmapped),
            (99_999, Inside::Unmapped),
            (1001, Inside::Unmapped),
            (0, Inside::Unmapped),
            (u32::MAX, Inside::Unmapped),
        ] {
            assert_eq!(map.inside(outside), inside, "{outside}");
        }
    }

    #[test]
    fn the_initial_namespace_maps_ids_to_themselves_and_an_unread_one_says_so() {
        let initial = extents(&[[0, 0, u32::MAX]]);
        for id in [0, 10_001, u32::MAX - 1] {
            assert_eq!(initial.inside(id), Inside::Id(id));
        }
        assert_eq!(initial.inside(u32::MAX), Inside::Unmapped);
        assert_eq!(extents(&[]).inside(0), Inside::Unmapped);
        assert_eq!(IdMap::Unread.inside(0), Inside::Unknown);
        // Whatever the kernel half hands over, nothing panics.
        assert_eq!(extents(&[[u32::MAX, 0, u32::MAX]]).inside(5), Inside::Id(4));
    }

    #[test]
    fn capabilities_go_by_number() {
        let credentials = Credentials {
            capabilities: 1 << 1 | 1 << 40,
            groups: vec![5],
            groups_len: 2,
            user_namespace: 1,
            uid_map: IdMap::Unread,
            gid_map: IdMap::Unread,
        };
        assert!(credentials.has_capability(1) && credentials.has_capability(40));
        assert!(!credentials.has_capability(0) && !credentials.has_capability(99));
        assert!(!credentials.has_all_groups());
    }
}
