# Completion of every mlxtts command: options as its --help lists them, models, voices, files.

_mlxtts() {
    local command=$words[1] previous help value kind='*' match mbegin mend
    if [[ ${command:t} == mlxtts ]]; then
        if ((CURRENT == 2)); then
            compadd -- ${${(f)"$($command)"}%% *}
            return
        fi
        command+=-$words[2]
        words=($command "${(@)words[3,-1]}")
        ((CURRENT--))
    fi
    previous=$words[CURRENT-1]
    help=$($command --help 2>/dev/null)
    [[ $previous == -* && $help =~ "$previous ([{][^}]*[}]|[A-Z])" ]] && value=$match[1]
    if [[ $previous == --voice || $command$previous == *-say-v ]]; then
        compadd -- ${(f)"$(${command%-*}-tokens --list-voices 2>/dev/null)"}
    elif [[ $value == \{* ]]; then
        compadd -- ${(s:,:)${value#?}%?}
    elif [[ $words[CURRENT] == -* ]]; then
        _gnu_generic
    elif [[ $previous == --(model|codec) || $command$value == *-(fetch|models|quantize) ]]; then
        [[ $previous == --model || $command == *-quantize ]] && kind=model
        local models=(${(M)${(f)"$(${command%-*}-models 2>/dev/null)"}:#*$'\t'${~kind}$'\t'*})
        compadd -- ${models%%$'\t'*} || _files
    else
        _files
    fi
}

compdef _mlxtts mlxtts ${(k)commands[(I)mlxtts-*]}
