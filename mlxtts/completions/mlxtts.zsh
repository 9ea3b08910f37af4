# Completion of every mlxtts command: options as its --help lists them, files.

_mlxtts() {
    if ((CURRENT == 2)); then
        compadd -- ${(f)"$($words[1] | cut -d ' ' -f 1)"}
        return
    fi
    words=("$words[1]-$words[2]" "${(@)words[3,-1]}")
    ((CURRENT--))
    _gnu_generic
}

compdef _mlxtts mlxtts
compdef _gnu_generic ${(k)commands[(I)mlxtts-*]}
