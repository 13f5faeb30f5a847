//! The metrics of the gateway: every family, its labels and its buckets on one page.
//!
//! Label sets are closed: configured departments and platforms, legal states and causes. There is no
//! camera, session or address among them.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::proto::MetricFamily;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::ledger::StateCause;

/// All families. Cloning shares them.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is described by its help text below")]
pub struct Metrics {
    registry: Registry,
    pub cameras: IntGaugeVec,
    pub streams: IntGaugeVec,
    pub source_bytes: IntCounter,
    pub source_packets_lost: IntCounter,
    pub source_connects: IntCounterVec,
    pub stream_start: Histogram,
    pub forward: Histogram,
    pub bus_frames_dropped: IntCounterVec,
    pub sink_sessions: IntGaugeVec,
    pub sink_bytes: IntCounterVec,
    pub platform_registered: IntGaugeVec,
    pub platform_requests: IntCounterVec,
    pub platform_keepalive_missed: IntCounterVec,
    pub catalogue_cameras: IntGaugeVec,
    pub invites: IntCounterVec,
    pub invite_first_frame: HistogramVec,
    pub refused: IntCounterVec,
    pub api_requests: IntCounterVec,
    pub inventory_rows_rejected: IntGauge,
    pub rtp_ports_free: IntGauge,
    pub probe_lag: Gauge,
    pub tasks: IntGauge,
    pub limit: GaugeVec,
    pub config_last_reload_successful: IntGauge,
    pub config_last_reload_success_timestamp: Gauge,
    build_info: GaugeVec,
}

/// Results of a connection to a camera.
pub const CONNECT_RESULTS: [&str; 17] = [
    "ok",
    "dns",
    "refused",
    "timeout",
    "auth_failed",
    "not_found",
    "rtsp_error",
    "no_media",
    "stalled",
    "codec_unsupported",
    "source_limit",
    "not_allowed",
    "auth_locked",
    "bandwidth_limit",
    "session_limit",
    "redirect_refused",
    "gateway",
];

/// Results of an INVITE.
pub const INVITE_RESULTS: [&str; 8] = [
    "answered",
    "not_found",
    "forbidden",
    "unavailable",
    "busy",
    "not_acceptable",
    "cancelled",
    "shutdown",
];

/// Why something from the network had no effect.
pub const REFUSED_REASONS: [&str; 8] = [
    "sip_malformed",
    "sip_stranger",
    "sip_overload",
    "manscdp_malformed",
    "media_network",
    "rtp_stranger",
    "notice_overflow",
    "api_unauthorized",
];

impl Metrics {
    /// Registers all families; `departments` and `platforms` are the ids of the configuration.
    ///
    /// # Errors
    ///
    /// A family is registered twice, or a name is not valid.
    pub fn new(departments: &[String], platforms: &[String]) -> Result<Self, prometheus::Error> {
        let metrics = Self::register()?;
        metrics.follow(departments, platforms);
        metrics
            .bus_frames_dropped
            .with_label_values(&["gb28181"])
            .reset();
        metrics.sink_sessions.with_label_values(&["gb28181"]).set(0);
        metrics.sink_bytes.with_label_values(&["gb28181"]).reset();
        for reason in REFUSED_REASONS {
            metrics.refused.with_label_values(&[reason]).reset();
        }
        metrics
            .build_info
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1.0);
        Ok(metrics)
    }

    /// Begins the series of departments and platforms that are new at zero, and ends those of the ones
    /// that are gone.
    pub fn follow(&self, departments: &[String], platforms: &[String]) {
        self.forget_others("department", departments);
        self.forget_others("platform", platforms);
        for department in departments {
            for pair in StateCause::legal() {
                self.cameras.with_label_values(&[
                    department,
                    pair.state().name(),
                    pair.cause().name(),
                ]);
            }
            self.streams.with_label_values(&[department]);
            for result in CONNECT_RESULTS {
                self.source_connects
                    .with_label_values(&[department, result]);
            }
        }
        for platform in platforms {
            self.platform_registered.with_label_values(&[platform]);
            self.platform_keepalive_missed
                .with_label_values(&[platform]);
            self.invite_first_frame.with_label_values(&[platform]);
            for result in ["shared", "withheld"] {
                self.catalogue_cameras
                    .with_label_values(&[platform, result]);
            }
            for result in INVITE_RESULTS {
                self.invites.with_label_values(&[platform, result]);
            }
        }
    }

    fn forget_others(&self, label: &str, kept: &[String]) {
        forget_others(&self.cameras, label, kept);
        forget_others(&self.streams, label, kept);
        forget_others(&self.source_connects, label, kept);
        forget_others(&self.platform_registered, label, kept);
        forget_others(&self.platform_requests, label, kept);
        forget_others(&self.platform_keepalive_missed, label, kept);
        forget_others(&self.catalogue_cameras, label, kept);
        forget_others(&self.invites, label, kept);
        forget_others(&self.invite_first_frame, label, kept);
        forget_others(&self.limit, label, kept);
    }

    #[expect(clippy::too_many_lines, reason = "one line a family, all on one page")]
    fn register() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let add = Registrar(&registry);
        Ok(Self {
            cameras: add.gauges(
                "huiju_cameras",
                "Cameras by state and cause.",
                &["department", "state", "cause"],
            )?,
            streams: add.gauges(
                "huiju_streams",
                "Cameras that are being pulled.",
                &["department"],
            )?,
            source_bytes: add.counter(
                "huiju_source_bytes_total",
                "RTP payload bytes received from cameras.",
            )?,
            source_packets_lost: add.counter(
                "huiju_source_packets_lost_total",
                "RTP packets missing from cameras.",
            )?,
            source_connects: add.counters(
                "huiju_source_connects_total",
                "Connections to cameras by result.",
                &["department", "result"],
            )?,
            forward: add.histogram(
                "huiju_forward_seconds",
                "From when a frame was read whole to the last of its packets.",
                &FORWARD_SECONDS,
            )?,
            stream_start: add.histogram(
                "huiju_stream_start_seconds",
                "Time from the start of a connection to its first key frame.",
                &SECONDS,
            )?,
            bus_frames_dropped: add.counters(
                "huiju_bus_frames_dropped_total",
                "Frames that slow viewers did not get.",
                &["sink"],
            )?,
            sink_sessions: add.gauges(
                "huiju_sink_sessions",
                "Viewers' sessions that are running.",
                &["sink"],
            )?,
            sink_bytes: add.counters(
                "huiju_sink_bytes_total",
                "Bytes sent to viewers, RTP headers included.",
                &["sink"],
            )?,
            platform_registered: add.gauges(
                "huiju_platform_registered",
                "1 while the platform has accepted our registration.",
                &["platform"],
            )?,
            platform_requests: add.counters(
                "huiju_platform_requests_total",
                "SIP requests by direction, method and answer.",
                &["platform", "direction", "method", "code"],
            )?,
            platform_keepalive_missed: add.counters(
                "huiju_platform_keepalive_missed_total",
                "Keepalives that were not answered well.",
                &["platform"],
            )?,
            catalogue_cameras: add.gauges(
                "huiju_catalogue_cameras",
                "Cameras that the platform may see, and those withheld from it.",
                &["platform", "result"],
            )?,
            invites: add.counters(
                "huiju_invites_total",
                "INVITEs by result.",
                &["platform", "result"],
            )?,
            invite_first_frame: add.histograms(
                "huiju_invite_first_frame_seconds",
                "Time from an INVITE to its first key frame at hand.",
                &["platform"],
            )?,
            refused: add.counters(
                "huiju_refused_total",
                "What came from the network and had no effect.",
                &["reason"],
            )?,
            api_requests: add.counters(
                "huiju_api_requests_total",
                "HTTP requests by route.",
                &["route", "method", "code"],
            )?,
            inventory_rows_rejected: add.gauge(
                "huiju_inventory_rows_rejected",
                "Inventory rows that the last load refused.",
            )?,
            rtp_ports_free: add.gauge("huiju_rtp_ports_free", "RTP port pairs that are free.")?,
            probe_lag: add.seconds(
                "huiju_probe_lag_seconds",
                "How far the probes of idle cameras are behind.",
            )?,
            tasks: add.gauge("huiju_tasks", "Tasks that are under way.")?,
            limit: add.info(
                "huiju_limit",
                "Limits of departments: streams, bandwidth in bits a second, connects a second.",
                &["department", "limit"],
            )?,
            config_last_reload_successful: add.gauge(
                "huiju_config_last_reload_successful",
                "1 when the last load of the configuration was taken over.",
            )?,
            config_last_reload_success_timestamp: add.seconds(
                "huiju_config_last_reload_success_timestamp_seconds",
                "When the configuration was last taken over, in Unix seconds.",
            )?,
            build_info: add.info(
                "huiju_build_info",
                "1, labelled with the version.",
                &["version"],
            )?,
            registry: registry.clone(),
        })
    }

    /// Counts a SIP request and its answer.
    pub fn count_request(&self, platform: &str, direction: &str, method: &str, code: Option<u16>) {
        let code = code_label(code);
        self.platform_requests
            .with_label_values(&[platform, direction, method, code])
            .inc();
    }

    /// Notes when the configuration was taken over.
    pub fn set_reloaded(&self, at: SystemTime) {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.config_last_reload_success_timestamp
            .set(since.as_secs_f64());
    }

    /// Counts something that had no effect.
    pub fn refuse(&self, reason: &'static str) {
        debug_assert!(REFUSED_REASONS.contains(&reason));
        self.refused.with_label_values(&[reason]).inc();
    }

    /// Writes the exposition format, with the process's own metrics.
    ///
    /// # Errors
    ///
    /// A family cannot be encoded.
    pub fn encode(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut families = self.registry.gather();
        families.extend(prometheus::gather());
        encode(&families)
    }
}

/// Writes the exposition format.
///
/// # Errors
///
/// A family cannot be encoded.
pub fn encode(families: &[MetricFamily]) -> Result<Vec<u8>, prometheus::Error> {
    let mut out = Vec::new();
    TextEncoder::new().encode(families, &mut out)?;
    Ok(out)
}

/// The closed set of answer labels.
fn code_label(code: Option<u16>) -> &'static str {
    match code {
        None => "timeout",
        Some(401) => "401",
        Some(403) => "403",
        Some(404) => "404",
        Some(408) => "408",
        Some(486) => "486",
        Some(200..=299) => "2xx",
        Some(500..=599) => "5xx",
        Some(_) => "4xx",
    }
}

/// Ends the series whose `label` is none of `kept`.
fn forget_others<T: MetricVecBuilder>(family: &MetricVec<T>, label: &str, kept: &[String]) {
    let series: Vec<_> = family
        .collect()
        .into_iter()
        .flat_map(|mut family| family.take_metric())
        .collect();
    for metric in series {
        let labels: HashMap<&str, &str> = metric
            .get_label()
            .iter()
            .map(|pair| (pair.name(), pair.value()))
            .collect();
        if labels
            .get(label)
            .is_some_and(|value| !kept.iter().any(|kept| kept == value))
        {
            // It was there a moment ago; gone is what it is to be.
            let _removed = family.remove(&labels);
        }
    }
}

/// Makes families and registers them.
pub(crate) struct Registrar<'a>(pub(crate) &'a Registry);

impl Registrar<'_> {
    fn add<T: Collector + Clone + 'static>(&self, family: T) -> Result<T, prometheus::Error> {
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.add(IntCounter::new(name, help)?)
    }

    pub(crate) fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.add(IntGauge::new(name, help)?)
    }

    fn seconds(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        self.add(Gauge::new(name, help)?)
    }

    pub(crate) fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    pub(crate) fn info(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<GaugeVec, prometheus::Error> {
        self.add(GaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> Result<Histogram, prometheus::Error> {
        self.add(Histogram::with_opts(
            HistogramOpts::new(name, help).buckets(buckets.to_vec()),
        )?)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<HistogramVec, prometheus::Error> {
        self.add(HistogramVec::new(
            HistogramOpts::new(name, help).buckets(SECONDS.to_vec()),
            labels,
        )?)
    }
}

/// Buckets of the way through the gateway: a frame that waits for half of its interval is late.
const FORWARD_SECONDS: [f64; 13] = [
    0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5,
];
/// Buckets of all other times: from a stream that runs to a camera that takes its whole budget.
const SECONDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_start_at_zero_for_legal_pairs_only() {
        let metrics = Metrics::new(&["education".into()], &["district".into()]).unwrap();
        let text = String::from_utf8(metrics.encode().unwrap()).unwrap();
        assert!(text.contains(
            "huiju_cameras{cause=\"refused\",department=\"education\",state=\"offline\"} 0"
        ));
        assert!(!text.contains("cause=\"refused\",department=\"education\",state=\"online\""));
        assert!(text.contains("huiju_platform_registered{platform=\"district\"} 0"));
        assert!(text.contains("process_resident_memory_bytes"));
    }
}
