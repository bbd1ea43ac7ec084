package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// filledText is the template with "$i" as the number and "$raw" as the base64 of its four bytes.
func filledText(template any, number int) []byte {
	text, err := json.Marshal(template)
	if err != nil {
		fail(err)
	}
	var four [4]byte
	binary.LittleEndian.PutUint32(four[:], uint32(number))
	return []byte(strings.NewReplacer("$raw", base64.StdEncoding.EncodeToString(four[:]), "$i", strconv.Itoa(number)).
		Replace(string(text)))
}

func filled(template any, number int) any {
	var value any
	if err := json.Unmarshal(filledText(template, number), &value); err != nil {
		fail(err)
	}
	return value
}

// fill writes the filled template into a message.
func fill(message proto.Message, template any, number int) error {
	if template == nil {
		return nil
	}
	return protojson.Unmarshal(filledText(template, number), message)
}

func asJSON(message proto.Message) any {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
	if err != nil {
		fail(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		fail(err)
	}
	return value
}

// difference says where found lacks what is wanted; empty: nowhere. An absent value is the default one.
func difference(wanted, found any, place string) string {
	switch wanted := wanted.(type) {
	case map[string]any:
		members, _ := found.(map[string]any)
		for key, value := range wanted {
			if d := difference(value, members[key], place+"."+key); d != "" {
				return d
			}
		}
		return ""
	case []any:
		elements, _ := found.([]any)
		if len(wanted) != len(elements) {
			return fmt.Sprintf("%s has %d elements instead of %d", place, len(elements), len(wanted))
		}
		for i, value := range wanted {
			if d := difference(value, elements[i], fmt.Sprintf("%s[%d]", place, i)); d != "" {
				return d
			}
		}
		return ""
	}
	empty := found == nil || found == "" || found == false || found == 0.0
	if wanted == "*" {
		if list, ok := found.([]any); empty || ok && len(list) == 0 {
			return place + " is empty"
		}
		return ""
	}
	if (wanted == "" || wanted == false || wanted == 0.0) && empty {
		return ""
	}
	if wanted != found {
		return fmt.Sprintf("%s is %v instead of %v", place, found, wanted)
	}
	return ""
}

func checkAnswer(wanted any, answer proto.Message, number int) error {
	if d := difference(filled(wanted, number), asJSON(answer), "answer"); d != "" {
		return fmt.Errorf("%s", d)
	}
	return nil
}

func codeOf(name string) codes.Code {
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(strconv.Quote(name))); err != nil {
		fail(err)
	}
	return code
}

// checkEnd compares how a call ended with what its case wants.
func checkEnd(wanted *WantedError, err error) error {
	if wanted == nil {
		return err
	}
	if err == nil {
		return fmt.Errorf("an answer instead of %s", wanted.Code)
	}
	got := status.Convert(err)
	switch {
	case got.Code() != codeOf(wanted.Code):
		return fmt.Errorf("%s (%s) instead of %s", got.Code(), got.Message(), wanted.Code)
	case got.Message() == "":
		return fmt.Errorf("%s came without a message", wanted.Code)
	case !strings.Contains(got.Message(), wanted.Message):
		return fmt.Errorf("the message lacks '%s': %s", wanted.Message, got.Message())
	}
	return nil
}
