// Everyday work through gocql, asserting every cell that is read back.
//
// Usage: go run . HOST:PORT [USER PASSWORD]
//
// Runs against the embedded node and against Apache Cassandra, over every protocol version and compression. Ends with a
// status that is not zero at the first difference.
package main

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"github.com/apache/cassandra-gocql-driver/v2/lz4"
	"github.com/apache/cassandra-gocql-driver/v2/snappy"
	"gopkg.in/inf.v0"
)

type address struct {
	Street *string `cql:"street"`
	Zip    int     `cql:"zip"`
}

func must(what string, err error) {
	if err != nil {
		panic(fmt.Errorf("%s: %w", what, err))
	}
}

func check(what string, got, expected any) {
	if !reflect.DeepEqual(got, expected) {
		panic(fmt.Errorf("%s: expected %#v, got %#v", what, expected, got))
	}
}

type column struct {
	name, cql string
	values    []any
	since     int
}

func columns() []column {
	day := func(text string) time.Time {
		parsed, err := time.Parse("2006-01-02", text)
		must(text, err)
		return parsed.UTC()
	}
	uuid, err := gocql.ParseUUID("00000000-0000-4000-8000-0000000000ff")
	must("uuid", err)
	timeuuid, err := gocql.ParseUUID("6877a530-ccfa-11e5-aaa5-010203040506")
	must("timeuuid", err)
	huge, _ := new(big.Int).SetString("-123456789123456789123456789", 10)
	street := "Elm Street"
	return []column{
		{"c_ascii", "ascii", []any{"plain", "x"}, 3},
		{"c_bigint", "bigint", []any{int64(math.MinInt64), int64(math.MaxInt64)}, 3},
		{"c_blob", "blob", []any{[]byte{0, 255, 128}, []byte{1}}, 3},
		{"c_boolean", "boolean", []any{true, false}, 3},
		{"c_date", "date", []any{day("2016-02-29"), day("1901-12-31")}, 4},
		{"c_decimal", "decimal", []any{*inf.NewDec(-112233441191, 6), *inf.NewDec(1, -3)}, 3},
		{"c_double", "double", []any{19432.125, math.Inf(-1)}, 3},
		{"c_duration", "duration", []any{gocql.Duration{Months: 12, Days: 30, Nanoseconds: 3600000000000}, gocql.Duration{Months: -1, Days: -1, Nanoseconds: -1}}, 5},
		{"c_float", "float", []any{float32(19432.125), float32(-0.5)}, 3},
		{"c_inet", "inet", []any{net.ParseIP("65.52.54.169").To4(), net.ParseIP("2a00:1328:e102:ccc0::122")}, 3},
		{"c_int", "int", []any{math.MinInt32, math.MaxInt32}, 3},
		{"c_smallint", "smallint", []any{int16(-32768), int16(32767)}, 4},
		{"c_text", "text", []any{"grüße, 世界", "quote ' \" and\nline"}, 3},
		{"c_time", "time", []any{24*time.Hour - 1, time.Duration(1)}, 4},
		{"c_timestamp", "timestamp", []any{time.UnixMilli(1795470903123).UTC(), time.UnixMilli(-11676095999999).UTC()}, 3},
		{"c_timeuuid", "timeuuid", []any{timeuuid, timeuuid}, 3},
		{"c_tinyint", "tinyint", []any{int8(-128), int8(127)}, 4},
		{"c_uuid", "uuid", []any{uuid, uuid}, 3},
		{"c_varint", "varint", []any{*huge, *big.NewInt(255)}, 3},
		{"c_list", "list<int>", []any{[]int{3, 1, 2, 1}, []int{7}}, 3},
		{"c_set", "set<text>", []any{[]string{"a", "b"}, []string{"c"}}, 3},
		{"c_map", "map<text, int>", []any{map[string]int{"a": 1, "b": -2}, map[string]int{"c": 3}}, 3},
		{"c_nested", "frozen<map<int, frozen<list<text>>>>", []any{map[int][]string{1: {"x", "y"}, 2: {"z"}}, map[int][]string{}}, 3},
		{"c_udt", "frozen<address>", []any{address{&street, 1428}, address{nil, 7}}, 3},
		{"c_vector", "vector<float, 3>", []any{[]float32{1, 2, 3}, []float32{-1, 0, 0.5}}, 3},
	}
}

func everyType(session *gocql.Session, version int) {
	var used []column
	for _, c := range columns() {
		if version >= c.since {
			used = append(used, c)
		}
	}
	var names, marks []string
	for _, c := range used {
		names = append(names, c.name)
		marks = append(marks, "?")
	}
	insert := fmt.Sprintf("INSERT INTO every_type (id, %s) VALUES (?, %s)", strings.Join(names, ", "), strings.Join(marks, ", "))
	read := fmt.Sprintf("SELECT %s FROM every_type WHERE id = ?", strings.Join(names, ", "))
	for round := range 2 {
		values := []any{round}
		for _, c := range used {
			values = append(values, c.values[round])
		}
		must("insert every type", session.Query(insert, values...).Exec())
		var targets []any
		for _, c := range used {
			targets = append(targets, reflect.New(reflect.TypeOf(c.values[round])).Interface())
		}
		must("select every type", session.Query(read, round).Scan(targets...))
		for i, c := range used {
			got := reflect.ValueOf(targets[i]).Elem().Interface()
			if c.name == "c_inet" {
				check(c.name, got.(net.IP).String(), c.values[round].(net.IP).String())
			} else if dec, ok := got.(inf.Dec); ok {
				expected := c.values[round].(inf.Dec)
				check(c.name, dec.String(), expected.String())
			} else if number, ok := got.(big.Int); ok {
				expected := c.values[round].(big.Int)
				check(c.name, number.String(), expected.String())
			} else if at, ok := got.(time.Time); ok {
				check(c.name, at.UTC(), c.values[round])
			} else {
				check(c.name, got, c.values[round])
			}
		}
	}
	must("insert nulls", session.Query("INSERT INTO every_type (id, c_int, c_text) VALUES (9, ?, ?)", nil, nil).Exec())
	var number *int
	var text *string
	must("scan nulls", session.Query("SELECT c_int, c_text FROM every_type WHERE id = 9").Scan(&number, &text))
	if number != nil || text != nil {
		panic("null came back as a value")
	}
	if version >= 4 {
		must("unset", session.Query("INSERT INTO every_type (id, c_int, c_text) VALUES (?, ?, ?)", 1, gocql.UnsetValue, "changed").Exec())
		var kept int
		must("unset read", session.Query("SELECT c_int FROM every_type WHERE id = 1").Scan(&kept))
		check("unset keeps", kept, math.MaxInt32)
	}
	var count int
	must("count", session.Query("SELECT count(*) FROM every_type").Scan(&count))
	check("count", count, 3)
}

func schema(session *gocql.Session, keyspace string) {
	metadata, err := session.KeyspaceMetadata(keyspace)
	must("metadata", err)
	table := metadata.Tables["places"]
	if table == nil {
		panic("no table in the metadata")
	}
	var key []string
	for _, c := range table.PartitionKey {
		key = append(key, c.Name)
	}
	check("partition key", key, []string{"region", "city"})
	check("clustering key", table.ClusteringColumns[0].Name, "at")
	check("clustering order", table.ClusteringColumns[0].ClusteringOrder, "desc")
	check("static", table.Columns["name"].Kind, gocql.ColumnStatic)
	if _, known := metadata.UserTypes["address"]; !known {
		panic("no user type in the metadata")
	}
}

func paging(session *gocql.Session) {
	must("create", session.Query("CREATE TABLE measured (sensor int, seq int, value double, PRIMARY KEY (sensor, seq))").Exec())
	for sensor := range 5 {
		for seq := range 60 {
			must("insert", session.Query("INSERT INTO measured (sensor, seq, value) VALUES (?, ?, ?)", sensor, seq, float64(sensor)+float64(seq)/4).Exec())
		}
	}
	for _, size := range []int{7, 100, 300, 1000} {
		seen := map[[2]int]bool{}
		iter := session.Query("SELECT sensor, seq, value FROM measured").PageSize(size).Iter()
		var sensor, seq int
		var value float64
		for iter.Scan(&sensor, &seq, &value) {
			check("value", value, float64(sensor)+float64(seq)/4)
			seen[[2]int{sensor, seq}] = true
		}
		must("page", iter.Close())
		check("rows in pages of "+strconv.Itoa(size), len(seen), 300)
	}
	var seqs []int
	iter := session.Query("SELECT seq FROM measured WHERE sensor = ? AND seq > ? AND seq <= ? ORDER BY seq DESC", 2, 10, 15).Iter()
	var seq int
	for iter.Scan(&seq) {
		seqs = append(seqs, seq)
	}
	must("range", iter.Close())
	check("range", seqs, []int{15, 14, 13, 12, 11})
}

func changes(session *gocql.Session) {
	must("create", session.Query("CREATE TABLE users (name text PRIMARY KEY, age int, tags set<text>)").Exec())
	must("insert", session.Query("INSERT INTO users (name, age, tags) VALUES (?, ?, ?)", "ann", 30, []string{"x"}).Exec())
	must("update", session.Query("UPDATE users SET age = ?, tags = tags + ? WHERE name = ?", 31, []string{"y"}, "ann").Exec())
	var age int
	var tags []string
	must("select", session.Query("SELECT age, tags FROM users WHERE name = ?", "ann").Scan(&age, &tags))
	check("age", age, 31)
	check("tags", tags, []string{"x", "y"})
	applied, err := session.Query("INSERT INTO users (name, age) VALUES (?, ?) IF NOT EXISTS", "ann", 1).MapScanCAS(map[string]any{})
	must("cas", err)
	check("not applied", applied, false)
	applied, err = session.Query("UPDATE users SET age = ? WHERE name = ? IF age = ?", 32, "ann", 31).ScanCAS(&age)
	must("cas", err)
	check("applied", applied, true)
	must("delete", session.Query("DELETE FROM users WHERE name = ?", "ann").Exec())
	err = session.Query("SELECT age FROM users WHERE name = ?", "ann").Scan(&age)
	if !errors.Is(err, gocql.ErrNotFound) {
		panic(fmt.Errorf("deleted row: %v", err))
	}
	batch := session.Batch(gocql.LoggedBatch)
	for i := range 10 {
		batch.Query("INSERT INTO users (name, age) VALUES (?, ?)", "user"+strconv.Itoa(i), i)
	}
	must("batch", batch.Exec())
	var count int
	must("count", session.Query("SELECT count(*) FROM users").Scan(&count))
	check("batch rows", count, 10)
	must("create", session.Query("CREATE TABLE hits (page text PRIMARY KEY, n counter)").Exec())
	counters := session.Batch(gocql.CounterBatch)
	counters.Query("UPDATE hits SET n = n + ? WHERE page = ?", int64(5), "a")
	counters.Query("UPDATE hits SET n = n - ? WHERE page = ?", int64(2), "a")
	must("counter batch", counters.Exec())
	var n int64
	must("counter", session.Query("SELECT n FROM hits WHERE page = 'a'").Scan(&n))
	check("counter", n, int64(3))
	var refusal gocql.RequestError
	err = session.Query("SELECT nope FROM users").Exec()
	if !errors.As(err, &refusal) || refusal.Code() != gocql.ErrCodeInvalid {
		panic(fmt.Errorf("an unknown column: %v", err))
	}
	err = session.Query("SELEC 1").Exec()
	if !errors.As(err, &refusal) || refusal.Code() != gocql.ErrCodeSyntax {
		panic(fmt.Errorf("not CQL: %v", err))
	}
}

func run(server string, version int, compressor gocql.Compressor, name string) {
	host, portText, err := net.SplitHostPort(server)
	must("address", err)
	port, err := strconv.Atoi(portText)
	must("port", err)
	config := gocql.NewCluster(host)
	config.Port = port
	config.ProtoVersion = version
	config.Compressor = compressor
	config.Timeout = 20 * time.Second
	config.ConnectTimeout = 10 * time.Second
	config.Consistency = gocql.Quorum
	if len(os.Args) == 4 {
		config.Authenticator = gocql.PasswordAuthenticator{Username: os.Args[2], Password: os.Args[3]}
	}
	keyspace := fmt.Sprintf("foreign_go_%d_%s", version, name)
	first, err := config.CreateSession()
	must("connect", err)
	must("drop", first.Query("DROP KEYSPACE IF EXISTS "+keyspace).Exec())
	must("create keyspace", first.Query("CREATE KEYSPACE "+keyspace+" WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}").Exec())
	must("create type", first.Query("CREATE TYPE "+keyspace+".address (street text, zip int)").Exec())
	var definitions []string
	for _, c := range columns() {
		definitions = append(definitions, c.name+" "+c.cql)
	}
	must("create table", first.Query("CREATE TABLE "+keyspace+".every_type (id int PRIMARY KEY, "+strings.Join(definitions, ", ")+")").Exec())
	must("create table", first.Query("CREATE TABLE "+keyspace+".places (region text, city text, at timestamp, name text static, PRIMARY KEY ((region, city), at)) WITH CLUSTERING ORDER BY (at DESC)").Exec())
	first.Close()
	config.Keyspace = keyspace
	session, err := config.CreateSession()
	must("connect to a keyspace", err)
	defer session.Close()
	schema(session, keyspace)
	everyType(session, version)
	paging(session)
	changes(session)
	must("drop keyspace", session.Query("DROP KEYSPACE "+keyspace).Exec())
	fmt.Printf("ok: gocql, protocol v%d, compression %s\n", version, name)
}

func main() {
	if len(os.Args) != 2 && len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: go run . HOST:PORT [USER PASSWORD]")
		os.Exit(2)
	}
	// Beside each other, each in a keyspace of its own: what they wait for is mostly the server's disk.
	var runs sync.WaitGroup
	start := func(version int, compressor gocql.Compressor, name string) {
		runs.Add(1)
		go func() {
			defer runs.Done()
			run(os.Args[1], version, compressor, name)
		}()
	}
	for version := 3; version <= 5; version++ {
		start(version, nil, "none")
		start(version, lz4.LZ4Compressor{}, "lz4")
		if version < 5 {
			start(version, snappy.SnappyCompressor{}, "snappy")
		}
	}
	runs.Wait()
}
