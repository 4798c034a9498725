//go:build scylla

package main

import gocql "github.com/gocql/gocql"

type session = gocql.Session

// connect opens a session with the driver's own defaults.
func connect(host string, port int) (*session, error) {
	cluster := gocql.NewCluster(host)
	cluster.Port = port
	cluster.ProtoVersion = 4
	return cluster.CreateSession()
}
