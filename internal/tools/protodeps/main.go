// Command protodeps writes the .proto files that Freshet's contract imports and
// does not own (google/api, buf/validate) into a folder, so that the contract
// can be linted and generated without a schema registry. It prints them from
// the descriptors that the pinned Go modules carry.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/reflect/protoregistry"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "protodeps:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	for _, path := range []string{"buf/validate/validate.proto", "google/api/annotations.proto", "google/api/http.proto"} {
		fd, err := protoregistry.GlobalFiles.FindFileByPath(path)
		if err != nil {
			return err
		}
		text, err := (&protoprint.Printer{}).PrintProtoToString(fd)
		if err != nil {
			return fmt.Errorf("print %s: %w", path, err)
		}
		out := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
