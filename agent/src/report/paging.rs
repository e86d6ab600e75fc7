//! A list becomes the part of it that is asked for.
//!
//! In: a list, where the part begins and how long it is. Out: the part, and how
//! long the whole list is. Invariant: who asks for nothing gets everything, as
//! bounded as the list is. Lacks on purpose: a cursor; lists of another snapshot
//! may have other entries, which the description says.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// Which part of each list of an answer is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// How many entries are left out at the beginning.
    pub offset: Option<usize>,
    /// Most entries.
    pub limit: Option<usize>,
}

/// How many entries each list of an answer has in all, by the list's name; only
/// where a part was asked for.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Totals(BTreeMap<&'static str, usize>);

impl Page {
    /// The part of a list.
    pub(super) fn part<'a, T>(&self, list: &'a [T]) -> &'a [T] {
        let begin = self.offset.unwrap_or(0).min(list.len());
        let end = begin.saturating_add(self.limit.unwrap_or(list.len()));
        &list[begin..end.min(list.len())]
    }

    /// The lengths, where they say more than the lists themselves.
    pub(super) fn totals<const N: usize>(
        &self,
        lengths: [(&'static str, usize); N],
    ) -> Option<Totals> {
        (*self != Page::default()).then(|| Totals(lengths.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_within_the_list() {
        let list = [1, 2, 3, 4];
        let page = |offset, limit| Page { offset, limit };
        assert_eq!(page(None, None).part(&list), [1, 2, 3, 4]);
        assert_eq!(page(Some(1), Some(2)).part(&list), [2, 3]);
        assert_eq!(page(Some(3), Some(usize::MAX)).part(&list), [4]);
        assert_eq!(page(Some(9), None).part(&list), [0; 0]);
        assert_eq!(page(None, None).totals([("a", 4)]), None);
        assert_eq!(
            page(None, Some(1)).totals([("a", 4)]),
            Some(Totals([("a", 4)].into()))
        );
    }
}
