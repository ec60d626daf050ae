//go:build !js

// Package mobile is the node for phones: what gomobile turns into an Android
// library (AAR) and an Apple one (XCFramework). It is thin over bind/instance and
// keeps to what gobind can carry: handles, numbers, texts, bytes, and interfaces
// that the app implements.
//
//	Options o = Mobile.newOptions();                     // Java
//	o.setDirectory(context.getNoBackupFilesDir().getPath());
//	o.setProtectedStore(new KeystoreSecrets(context));
//	Node node = Mobile.start("{\"program_name\":\"chat\"}", o, null);
//	Session session = node.open(update -> …);
//	byte[] answer = session.call(message, null);
//
// Apps use the typed wrappers in kotlin/ and swift/ instead, which are made of the
// schema of package bind. Requests, answers and updates are messages: a line of the
// JSON API and the bytes it refers to, see [MaxMessage].
//
// Rules of the boundary: nothing here panics or ends the process; each error that
// is thrown in the app's language begins with one of the fifteen kinds (spec 07 §3),
// see [ErrorOf]; bytes are copied in both directions, once; what the app implements
// is called from threads of its own, and may fail.
//
// The package may import bind/instance, core's options and the adapters of platform.
package mobile

//go:generate go run ./internal/wrappers/write ..
