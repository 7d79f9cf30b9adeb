package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// Options are what the handler needs.
type Options struct {
	// Service is the run.
	Service Service
	// Users may be empty: then only the machine itself is served.
	Users []User
	// Gatherer is what /metrics shows.
	Gatherer prometheus.Gatherer
	// Listen is the address that the admin server listens on, such as "127.0.0.1:9090". Its host is a permitted Host header.
	Listen string
	// History is what the console's chart draws. Without one the handler makes its own, which has a point only for the
	// moments at which somebody looked.
	History *History
	// Logger may be nil.
	Logger *zap.Logger
}

// server answers the admin API and the console.
type server struct {
	service  Service
	users    *users
	sessions *sessions
	hosts    hosts
	origin   *http.CrossOriginProtection
	history  *History
	console  *console
	log      *zap.Logger
}

// Handler returns the whole of the admin port: API, console, metrics and probes. It starts nothing. The server around it
// must not set a write timeout shorter than the longest flip.
func Handler(o Options) (http.Handler, error) {
	if o.Service == nil || o.Gatherer == nil {
		return nil, errors.New("admin: a Service and a Gatherer are needed")
	}
	users, err := newUsers(o.Users)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	console, err := newConsole()
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	s := &server{
		service:  o.Service,
		users:    users,
		sessions: newSessions(),
		hosts:    newHosts(o.Listen),
		origin:   http.NewCrossOriginProtection(),
		history:  o.History,
		console:  console,
		log:      o.Logger,
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.history == nil {
		s.history = NewHistory(o.Service)
	}
	return s.recovered(s.routes(o.Gatherer)), nil
}

// routes is the table of everything that the port answers.
func (s *server) routes(gatherer prometheus.Gatherer) http.Handler {
	t := &table{mux: http.NewServeMux(), methods: map[string][]string{}}
	s.apiRoutes(t)
	s.consoleRoutes(t)
	metrics := promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{ErrorLog: zap.NewStdLog(s.log)})
	t.handle("GET /metrics", s.permitted(Viewer, metrics.ServeHTTP))
	t.handle("GET /healthz", s.healthz)
	t.handle("GET /readyz", s.readyz)
	return t.build(s.permitted(Viewer, s.unknownPath), func(allow string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			s.fail(w, r, Errorf(CodeMethodNotAllowed, "%s does not take %s, but %s", r.URL.Path, r.Method, allow))
		}
	})
}

func (s *server) apiRoutes(t *table) {
	for pattern, call := range map[string]call{
		"GET /v1/status":          s.getStatus,
		"GET /v1/gate":            s.getGate,
		"GET /v1/routes":          s.getRoutes,
		"GET /v1/mismatches":      s.getMismatches,
		"GET /v1/mismatches/{id}": s.getMismatch,
		"GET /v1/checks":          s.getChecks,
		"GET /v1/events":          s.getEvents,
		"GET /v1/attestations":    s.getAttestations,
		"GET /v1/journal":         s.getRecords,
		"GET /v1/journal/replay":  s.getReplay,
	} {
		t.handle(pattern, s.permitted(Viewer, s.answer(call)))
	}
	for pattern, call := range map[string]call{
		"POST /v1/checks/{name}/run": s.runCheck,
		"POST /v1/mirror":            s.setMirror,
		"POST /v1/canary":            s.setCanary,
		"POST /v1/attestations":      s.attest,
		"POST /v1/cutover":           s.cutover,
		"POST /v1/rollback":          s.rollback,
		"POST /v1/restart":           s.restart,
		"POST /v1/resume":            s.resume,
		"POST /v1/complete":          s.complete,
		"POST /v1/journal/resolve":   s.resolve,
		"POST /v1/journal/replay":    s.startReplay,
		"DELETE /v1/journal/replay":  s.stopReplay,
	} {
		t.handle(pattern, s.permitted(Operator, s.answer(call)))
	}
}

// call answers one request with something that becomes JSON.
type call func(r *http.Request) (any, error)

// answer turns a call into a handler.
func (s *server) answer(c call) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		changes := r.Method != http.MethodGet && r.Method != http.MethodHead
		if changes {
			// A change runs to its end: a closed laptop must not stop a rollback half-way.
			r = r.WithContext(context.WithoutCancel(r.Context()))
		}
		v, err := c(r)
		if changes {
			s.logChange(r, err)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.writeJSON(w, r, http.StatusOK, v)
	}
}

func (s *server) logChange(r *http.Request, err error) {
	fields := []zap.Field{zap.String("actor", actor(r)), zap.String("call", r.Method+" "+r.URL.Path)}
	if err != nil {
		s.log.Warn("change refused", append(fields, zap.String("code", string(asError(err).Code)), zap.String("error", err.Error()))...)
		return
	}
	s.log.Info("change made", fields...)
}

func (s *server) healthz(w http.ResponseWriter, r *http.Request) {
	s.writeJSON(w, r, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	readiness := s.service.Readiness()
	if readiness.Unwell == nil {
		readiness.Unwell = []Unwell{}
	}
	status := http.StatusOK
	if readiness.State != Ready {
		status = http.StatusServiceUnavailable
	}
	s.writeJSON(w, r, status, readiness)
}

func (s *server) unknownPath(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, Errorf(CodeNotFound, "there is nothing at %s", r.URL.Path))
}

// recovered answers a panic as an internal error, and keeps the process.
func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				s.log.Error("panic in the admin API", zap.Any("panic", p), zap.String("path", r.URL.Path), zap.Stack("stack"))
				s.fail(w, r, &Error{Code: CodeInternal, Message: "the server failed; its log says why"})
			}
		}()
		secure(w.Header())
		next.ServeHTTP(w, r)
	})
}

// table registers patterns, and answers the other methods of a known path with 405.
type table struct {
	mux     *http.ServeMux
	methods map[string][]string
}

func (t *table) handle(pattern string, h http.HandlerFunc) {
	method, path, _ := strings.Cut(pattern, " ")
	t.mux.HandleFunc(pattern, h)
	t.methods[path] = append(t.methods[path], method)
	if method == http.MethodGet { // ServeMux answers HEAD by the handler of GET
		t.methods[path] = append(t.methods[path], http.MethodHead)
	}
}

func (t *table) build(unknown http.HandlerFunc, wrongMethod func(allow string) http.HandlerFunc) http.Handler {
	for path, methods := range t.methods {
		t.mux.HandleFunc(path, wrongMethod(strings.Join(methods, ", ")))
	}
	t.mux.HandleFunc("/", unknown)
	return t.mux
}
