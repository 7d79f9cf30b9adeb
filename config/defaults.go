package config

import "time"

const (
	kib = 1 << 10
	mib = 1 << 20
)

// Default returns what a file that says nothing would mean. Only run.name and the backends' URLs are missing from it.
func Default() *Config {
	return &Config{
		Run: Run{Window: 48 * time.Hour, Soak: 14 * 24 * time.Hour},
		Listen: Listen{
			Address: ":8080",
			Limits:  Limits{Headers: 64 * kib, HeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, BodyTimeout: time.Minute, WriteTimeout: time.Minute},
			Drain:   20 * time.Second,
		},
		Admin:    Admin{Address: "127.0.0.1:9090"},
		Backends: Backends{Old: defaultBackend(), New: defaultBackend()},
		Mirror: Mirror{
			Fraction: 0.1, Timeout: 10 * time.Second, Workers: 64, Queue: 1024, Memory: 64 * mib,
			Recheck: Recheck{Attempts: 3, Delay: 250 * time.Millisecond, MaxDelay: 4 * time.Second, MaxRPS: 20},
			Noise:   Noise{Fraction: 0.1},
		},
		Compare: Compare{Tolerance: 0.01, Headers: []string{"content-type", "location"}, MaxBody: mib},
		Gate: Gate{
			Confidence: 0.95, MinSamples: 1000, MinSamplesPerRoute: 400, MaxSkipped: 0.2, MaxLagged: 0.05,
			MaxGap: 5 * time.Minute, ErrorRate: 0.01,
			Latency: GateLatency{Quantile: 0.99, Ratio: 1.5, Floor: 50 * time.Millisecond},
		},
		Canary: Canary{AfterWrite: 30 * time.Second},
		Rollback: Rollback{
			ErrorRate:    ErrorRate{Threshold: 0.05, Window: 10 * time.Second, MinRequests: 20, MinFailures: 10, MinDistinct: 3},
			ClientErrors: ClientErrors{Ratio: 3, Threshold: 0.1, Window: 30 * time.Second},
			Latency:      LatencyTrigger{Quantile: 0.99, Ratio: 3, Floor: 200 * time.Millisecond, Window: 30 * time.Second},
			Parity:       ParityTrigger{Threshold: 0.05, Window: time.Minute, MinRequests: 100},
			Checks:       ChecksTrigger{Failures: 3},
			Writes:       WritesAuto,
			Fallback:     FallbackCanary,
			Drain:        time.Second,
		},
		Cutover: Cutover{Hold: Hold{Max: 10 * time.Second, Requests: 1000, Bytes: 16 * mib}, Drain: 5 * time.Second},
		Journal: Journal{Directory: "journal", Segment: 64 * mib, Sync: SyncAlways, Body: mib, Mirror: MirrorOff},
		Store:   Store{Path: "paritygate.db"},
		Log:     Log{Level: "info", Format: "json"},
	}
}

func defaultBackend() Backend {
	return Backend{Timeout: 30 * time.Second, Host: HostBackend, Client: ClientPooled}
}

func defaultDatabase() Database {
	return Database{MaxConnections: 2, StatementTimeout: 30 * time.Second, Lag: DatabaseLag{Max: 5 * time.Second}}
}

func defaultCheck() Check {
	return Check{
		Tolerance: CheckTolerance{Relative: "0.01", Absolute: "0"},
		Every:     5 * time.Minute, MaxAge: 15 * time.Minute, StrictAtCutover: true,
	}
}

func defaultCheckHTTP() CheckHTTP { return CheckHTTP{Method: "GET"} }

func noTolerance() CheckTolerance { return CheckTolerance{Relative: "0", Absolute: "0"} }

func defaultNumberRule() NumberRule { return NumberRule{Absolute: "0", Relative: "0"} }
