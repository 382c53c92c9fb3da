#!/bin/bash
# speech.sh OUT_DIR: a minute of real speech, from Debian's asterisk-core-sounds-en-g722: what is sent (speech_48k.wav) and
# what it is compared with (speech_16k.wav). Wants ffmpeg.
set -eu
out=${1:?usage: speech.sh OUT_DIR}
sounds=/usr/share/asterisk/sounds/en_US_f_Allison
[ -d $sounds ] || { echo "speech.sh: no $sounds: install asterisk-core-sounds-en-g722" >&2 && exit 1; }
mkdir -p "$out"
find $sounds -maxdepth 1 -name '*.g722' -size +24000c ! -name 'silence*' | LC_ALL=C sort | xargs cat >"$out/all.g722"
ffmpeg -loglevel error -y -f g722 -i "$out/all.g722" -ss 100 -t 60 -ac 1 -ar 16000 "$out/speech_16k.wav"
# A sharp filter: a soft one leaves images above 8 kHz, and Opus would spend its bits on them.
ffmpeg -loglevel error -y -i "$out/speech_16k.wav" -af aresample=48000:resampler=soxr:precision=28 -ar 48000 "$out/speech_48k.wav"
