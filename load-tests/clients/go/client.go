// The same scenarios with gocql; prints what the Rust clients print. Built with the tag scylla it is ScyllaDB's fork.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	insertText = "INSERT INTO bench.kv (id, payload) VALUES (?, ?)"
	readText   = "SELECT id, payload FROM bench.kv WHERE id = ?"
	pageText   = "SELECT id, payload FROM bench.kv"

	warmUp int32 = iota
	measured
	over

	// Callers when many statements are wanted: there is no interface for them, and more cost more.
	many = 64
	// Latencies that all callers together have room for, so that remembering them allocates nothing.
	samples = 1 << 21
)

type options struct {
	scenario     string
	concurrency  int
	contactPoint string
	seconds      float64
	warmUp       float64
	handShake    bool
}

func arguments() options {
	var o options
	flag.StringVar(&o.scenario, "scenario", "insert", "what is done")
	flag.IntVar(&o.concurrency, "concurrency", 1, "requests in flight")
	flag.StringVar(&o.contactPoint, "contact-point", "", "a host and its port")
	flag.Float64Var(&o.seconds, "seconds", 2, "the measured part")
	flag.Float64Var(&o.warmUp, "warm-up", 0.5, "time before it")
	flag.BoolVar(&o.handShake, "hand-shake", false, "wait for a line before the measured part and before the end")
	flag.Parse()
	if o.scenario == "concurrent" || o.scenario == "bulk" {
		o.scenario, o.concurrency = "insert", many
	}
	return o
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// clock goes from the warm-up to the measured part to the end; the load does not pause between them.
type clock struct {
	phase        atomic.Int32
	elapsed, cpu time.Duration
	done         chan struct{}
}

func startClock(o options, input *bufio.Reader) *clock {
	c := &clock{done: make(chan struct{})}
	c.phase.Store(warmUp)
	go func() {
		defer close(c.done)
		time.Sleep(time.Duration(o.warmUp * float64(time.Second)))
		if o.handShake {
			fmt.Println("ready")
			_, _ = input.ReadString('\n')
		}
		started, cpu := time.Now(), cpuTime()
		c.phase.Store(measured)
		time.Sleep(time.Duration(o.seconds * float64(time.Second)))
		c.elapsed, c.cpu = time.Since(started), cpuTime()-cpu
		c.phase.Store(over)
	}()
	return c
}

// request makes one request and returns how many operations it was.
func request(s *session, scenario string, id int64, payload []byte) (int, error) {
	var gotID int64
	var gotPayload []byte
	switch scenario {
	case "insert":
		return 1, s.Query(insertText, id, payload).Exec()
	case "read":
		return 1, s.Query(readText, id).Scan(&gotID, &gotPayload)
	case "page":
		rows := 0
		iter := s.Query(pageText).Iter()
		for iter.Scan(&gotID, &gotPayload) {
			rows++
		}
		return rows, iter.Close()
	}
	return 0, fmt.Errorf("no scenario %q", scenario)
}

// call makes one caller's requests.
func call(s *session, o options, caller int, c *clock) (operations int, latencies []time.Duration, err error) {
	payload := []byte(strings.Repeat("p", 100))
	latencies = make([]time.Duration, 0, samples/o.concurrency)
	for id := int64(caller); ; id += int64(o.concurrency) {
		phase := c.phase.Load()
		if phase == over {
			return operations, latencies, nil
		}
		started := time.Now()
		made, err := request(s, o.scenario, id, payload)
		if err != nil {
			return operations, latencies, err
		}
		if phase == measured {
			operations += made
			if len(latencies) < cap(latencies) {
				latencies = append(latencies, time.Since(started))
			}
		}
	}
}

func peakResidentKiB() int64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Maxrss
}

func run() error {
	o := arguments()
	host, port, err := net.SplitHostPort(o.contactPoint)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	s, err := connect(host, number)
	if err != nil {
		return err
	}
	defer s.Close()
	input := bufio.NewReader(os.Stdin)
	c := startClock(o, input)
	var (
		callers    sync.WaitGroup
		lock       sync.Mutex
		operations int
		latencies  []time.Duration
		failure    error
	)
	for caller := range o.concurrency {
		callers.Add(1)
		go func() {
			defer callers.Done()
			made, seen, err := call(s, o, caller, c)
			lock.Lock()
			defer lock.Unlock()
			operations += made
			latencies = append(latencies, seen...)
			if err != nil {
				failure = err
			}
		}()
	}
	callers.Wait()
	if failure != nil {
		return failure
	}
	<-c.done
	slices.Sort(latencies)
	quantile := func(q float64) *float64 {
		if len(latencies) == 0 {
			return nil
		}
		rank := min(int(float64(len(latencies))*q), len(latencies)-1)
		us := float64(latencies[rank].Nanoseconds()) / 1000
		return &us
	}
	seconds := c.elapsed.Seconds()
	report := map[string]any{
		"operations":            operations,
		"seconds":               seconds,
		"operations_per_second": float64(operations) / seconds,
		"cpu_us_per_operation":  c.cpu.Seconds() * 1e6 / float64(max(operations, 1)),
		"cpu_percent":           c.cpu.Seconds() / seconds * 100,
		"p50_us":                quantile(0.5),
		"p99_us":                quantile(0.99),
		"p999_us":               quantile(0.999),
		"peak_resident_kib":     peakResidentKiB(),
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		return err
	}
	if o.handShake {
		_, _ = input.ReadString('\n')
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
