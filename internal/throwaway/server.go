package throwaway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// superuser is the name of the server's only role at the start.
const superuser = "postgres"

// Unix socket addresses hold about 100 bytes; a directory longer than this gets no socket.
const maxSocketDir = 80

// Options are the choices in starting a server; the zero value is good.
type Options struct {
	// Parent is the directory in which the temporary one is made; empty means the system's. As root, the user postgres
	// must be able to enter it.
	Parent string
	// Settings are server parameters, such as max_connections, as in postgresql.conf.
	Settings map[string]string
	// CheapLogins has passwords hashed once (md5) instead of 4,096 times (SCRAM), for whoever logs in a thousand times.
	CheapLogins bool
}

// Server is a running server, or one that was stopped and can be started again on the same port with the same data.
// Its methods may be called from any goroutine.
type Server struct {
	bin, dir, password string
	home               *Directory
	account            *account
	settings           map[string]string
	auth               string // the method of every login
	port               int

	mu      sync.Mutex
	process *process // nil while stopped
	closed  bool
}

// Start makes a new server and returns when it takes connections, after a second or two. The caller must Close it. The
// error wraps ErrNotInstalled when there are no binaries.
func Start(ctx context.Context, o Options) (*Server, error) {
	bin, err := Find()
	if err != nil {
		return nil, err
	}
	as, err := serverAccount()
	if err != nil {
		return nil, err
	}
	home, err := MakeDirectory(o.Parent, "paritygate-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: home.Path, home: home, password: rand.Text(), account: as, settings: o.Settings, auth: "scram-sha-256"}
	if o.CheapLogins {
		s.auth = "md5" // it is what initdb hashes new passwords with as well
	}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start a throw-away PostgreSQL server: %w", err), home.Remove())
	}
	return s, nil
}

// create makes the data directory and starts the server on a port that was free a moment ago; another program may take
// the port in between, so it is tried three times.
func (s *Server) create(ctx context.Context) error {
	passwordFile := filepath.Join(s.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	if s.account != nil {
		for _, path := range []string{s.dir, passwordFile} {
			if err := os.Chown(path, int(s.account.uid), int(s.account.gid)); err != nil {
				return err
			}
		}
	}
	initdb, err := launch(s.account, s.dir, filepath.Join(s.bin, "initdb"), "--pgdata="+s.data(), "--username="+superuser,
		"--pwfile="+passwordFile, "--auth="+s.auth, "--encoding=UTF8", "--no-locale", "--no-sync")
	if err != nil {
		return err
	}
	if err := initdb.wait(ctx); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
		if err = s.Start(ctx); err == nil || attempt == 3 || ctx.Err() != nil {
			return err
		}
	}
}

// Start starts a server that was stopped, on its old port, and returns when it takes connections. On a running one it
// does nothing.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("start PostgreSQL: the server was closed and its data removed")
	}
	if s.process != nil {
		return nil
	}
	p, err := launch(s.account, s.dir, filepath.Join(s.bin, "postgres"), s.arguments()...)
	if err != nil {
		return err
	}
	if err := s.ready(ctx, p); err != nil {
		return errors.Join(err, p.stop(patience))
	}
	s.process = p
	return nil
}

func (s *Server) arguments() []string {
	sockets := s.dir
	if len(sockets) > maxSocketDir {
		sockets = ""
	}
	args := []string{
		"-D", s.data(), "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=" + sockets,
		// Speed instead of durability: nothing here outlives its process.
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB",
		"-c", "timezone=UTC",
	}
	for name, value := range s.settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

// ready waits until the server takes a connection, the process ends, or the context does.
func (s *Server) ready(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.done:
			if err := p.failure(); err != nil {
				return err
			}
			return fmt.Errorf("PostgreSQL ended at once: %s", p.output.String())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL took no connection: %w: %s", errors.Join(ctx.Err(), err), p.output.String())
		case <-tick.C:
		}
	}
}

// Stop stops the server and keeps its data: connections are ended, as when a machine goes away. On a stopped one it does
// nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop()
}

func (s *Server) stop() error {
	if s.process == nil {
		return nil
	}
	err := s.process.stop(patience)
	s.process = nil
	return err
}

// Close stops the server and removes its directory.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return errors.Join(s.stop(), s.home.Remove())
}

// Address is the host and port that the server listens on.
func (s *Server) Address() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// DSN is the superuser's connection URL of a database, password included.
func (s *Server) DSN(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password), Host: s.Address(),
		Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Password is the superuser's.
func (s *Server) Password() string { return s.password }

// Dir is the server's temporary directory, which also holds its Unix socket.
func (s *Server) Dir() string { return s.dir }

// CreateDatabase makes an empty database and returns its DSN.
func (s *Server) CreateDatabase(ctx context.Context, name string) (string, error) {
	if err := s.Exec(ctx, "postgres", "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	return s.DSN(name), nil
}

// Exec runs SQL statements, separated by semicolons, in a database, on a connection of its own.
func (s *Server) Exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, s.DSN(database))
	if err != nil {
		return fmt.Errorf("throw-away PostgreSQL: %w", err)
	}
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("throw-away PostgreSQL, database %s: %w", database, err)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
