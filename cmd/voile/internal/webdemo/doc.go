// Package webdemo serves the demonstration page of web/demo together with a private
// network for it: nodes of this process that listen on 127.0.0.1, and an HTTP server
// beside them that gives the page, the npm package it uses, and where to join.
// Nothing of it can be reached from another machine and nothing is kept.
//
// The package may import core and privnet.
package webdemo
