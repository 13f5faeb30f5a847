//! Histograms as a metrics endpoint writes them, read for their quantiles.

use anyhow::{Context as _, ensure};

/// How many observations there were, by size.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Upper bounds, rising, the last one infinite; and how many observations were within each.
    buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// Reads a family without labels out of the text format of Prometheus.
    ///
    /// # Errors
    /// When it is not there, or is none.
    pub fn read(text: &str, family: &str) -> anyhow::Result<Self> {
        let start = format!("{family}_bucket{{le=\"");
        let lines = text.lines().filter_map(|line| line.strip_prefix(&start));
        let buckets = lines.map(|line| {
            let (bound, count) = line.split_once("\"} ").context("a bucket with labels")?;
            Ok((bound.parse()?, count.parse()?))
        });
        let buckets: Vec<(f64, u64)> = buckets
            .collect::<anyhow::Result<_>>()
            .with_context(|| family.to_owned())?;
        ensure!(
            buckets.last().is_some_and(|(bound, _)| bound.is_infinite()),
            "no histogram {family}"
        );
        Ok(Self { buckets })
    }

    /// What was observed since it was this.
    ///
    /// # Errors
    /// When that is another histogram, or one of later.
    pub fn since(&self, before: &Self) -> anyhow::Result<Self> {
        ensure!(
            self.buckets.len() == before.buckets.len(),
            "the histogram has other buckets than before"
        );
        let pairs = self.buckets.iter().zip(&before.buckets);
        let buckets = pairs.map(|((bound, now), (_, before))| {
            let count = now.checked_sub(*before);
            Ok((*bound, count.context("the histogram has lost some")?))
        });
        Ok(Self {
            buckets: buckets.collect::<anyhow::Result<_>>()?,
        })
    }

    /// What this part of the observations did not exceed, as if they lay evenly in their buckets; what lies beyond the
    /// last bound counts as that bound. `None` when nothing was observed.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let all = self.buckets.last().filter(|(_, all)| *all > 0)?.1;
        let rank = part * all as f64;
        let (mut lower, mut below) = (0.0, 0);
        for &(upper, within) in &self.buckets {
            if within as f64 >= rank && within > below {
                if upper.is_infinite() {
                    break;
                }
                let inside = (rank - below as f64) / (within - below) as f64;
                return Some(lower + (upper - lower) * inside);
            }
            if upper.is_finite() {
                (lower, below) = (upper, within);
            }
        }
        Some(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: [u64; 3]) -> Histogram {
        let [first, second, all] = counts;
        let text = format!(
            "# TYPE took_seconds histogram\n\
             took_seconds_bucket{{le=\"0.001\"}} {first}\n\
             took_seconds_bucket{{le=\"0.003\"}} {second}\n\
             took_seconds_bucket{{le=\"+Inf\"}} {all}\n\
             took_seconds_sum 1\n\
             took_seconds_count {all}\n"
        );
        Histogram::read(&text, "took_seconds").unwrap()
    }

    fn micros(histogram: &Histogram, part: f64) -> Option<f64> {
        histogram
            .quantile(part)
            .map(|seconds| (seconds * 1e6).round())
    }

    #[test]
    fn a_quantile_lies_in_its_bucket_by_its_rank() {
        let histogram = histogram([50, 100, 100]);
        assert_eq!(micros(&histogram, 0.25), Some(500.0));
        assert_eq!(micros(&histogram, 0.5), Some(1000.0));
        assert_eq!(micros(&histogram, 0.75), Some(2000.0));
    }

    #[test]
    fn what_lies_beyond_the_last_bound_counts_as_that_bound() {
        assert_eq!(micros(&histogram([0, 0, 4]), 0.99), Some(3000.0));
        assert_eq!(micros(&histogram([1, 2, 4]), 0.99), Some(3000.0));
    }

    #[test]
    fn only_what_came_since_counts() {
        let before = histogram([90, 90, 90]);
        let since = histogram([90, 100, 100]).since(&before).unwrap();
        assert_eq!(since, histogram([0, 10, 10]));
        assert_eq!(micros(&since, 0.5), Some(2000.0));
        assert_eq!(before.since(&before).unwrap().quantile(0.5), None);
        assert!(before.since(&histogram([91, 91, 91])).is_err());
    }

    #[test]
    fn a_family_that_is_not_there_is_an_error() {
        let error = Histogram::read("took_seconds_count 3\n", "took_seconds").unwrap_err();
        assert_eq!(error.to_string(), "no histogram took_seconds");
    }
}
