// Package demo serves the tutorial's frontend, a React application, with what it
// has to know at run time. It stands for the frontends in the field that go on
// working with Gatehouse behind them, and calls /api-auth/ as they do.
//
// It is for gatehouse dev, on loopback: whoever loads it may use the client whose
// secret it publishes, and the stand-ins that it leads to.
//
//	embed.go    Config, Handler: the built files, /config.json, headers
//	tokens.go   /_dev/{provider}/tokens, on to the stand-ins
//	build       makes dist/ from what follows, by npm and Vite
//	index.html, src/, public/, vite.config.js, package.json
//
// The invariant to keep: dist/placeholder.html is all of dist/ that is committed.
// A program built without npm has it alone, and serves it in place of the
// application.
package demo
