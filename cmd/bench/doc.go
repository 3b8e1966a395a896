// Command bench measures Gatehouse against the least that each request could
// cost, and sets the ratios beside the numbers to reach.
//
// It starts the real binary on a PostgreSQL and on a SQLite database of its
// own, and beside it the floors: bare net/http servers that do the same SQL,
// hash or signature and nothing else, each a process, so that CPU time can be
// told apart. The load is closed-loop on kept-alive loopback connections and
// ends by itself. A round puts load on each floor and on the server in turn,
// and a ratio is the median over the rounds, because machines are noisy. Of the
// ratios that of CPU time counts: server and PostgreSQL together, per request.
// Authorization codes, which are good once, are added before each turn.
//
// It needs the environment of .ci/with-postgres; see `make bench`. It judges
// and never asserts: only a request that fails makes it fail.
//
//	main.go         flags, one run
//	rows.go         the table of what is measured beside what; the requests
//	extras.go       start, memory, and what -full adds
//	load.go         closed-loop HTTP/1.1 load
//	server.go       build, start and stop the server and the floors
//	floors.go       the floors as programs
//	floors_code.go  those of the code flow and of signing
//	floors_sql.go   the SQL that they run
//	database.go     a database with clients, accounts and tokens in it
//	fill.go         how its tables are filled
//	issuer.go       an OpenID provider whose ID tokens are exchanged
//	tokens.go       tokens as authz makes them, by number
//	codes.go        likewise people who are signed in, and authorization codes
//	measure.go      CPU time and memory from /proc, statements from PostgreSQL
//	report.go       what is printed
//
// The invariant to keep: a floor does nothing that the row's SQL, hash or
// signature does not need, so that a ratio can flatter nobody.
package main
