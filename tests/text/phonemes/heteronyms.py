"""Sentences with a word that sounds in two ways, and how it sounds there, American."""

DEVELOPED = """
I read books every day.                             | read     | ɹˈid
She read the whole book yesterday.                  | read     | ɹˈɛd
Have you read this letter?                          | read     | ɹˈɛd
Did you read the news?                              | read     | ɹˈid
It was read aloud.                                  | read     | ɹˈɛd
They live in a small town.                          | live     | lˈɪv
We watched a live concert.                          | live     | lˈIv
The show is live tonight.                           | live     | lˈIv
Cats have nine lives.                               | lives    | lˈIvz
He lives near the sea.                              | lives    | lˈɪvz
Please close the door.                              | close    | klˈOz
They are close friends.                             | close    | klˈOs
The shop is close to home.                          | close    | klˈOs
The wind blows from the north.                      | wind     | wˈɪnd
You must wind the clock.                            | wind     | wˈInd
A tear ran down her cheek.                          | tear     | tˈɪɹ
Do not tear the paper.                              | tear     | tˈɛɹ
Wait a minute.                                      | minute   | mˈɪnət
The content of the letter is secret.                | content  | kˈɑntɛnt
She was content with her life.                      | content  | kəntˈɛnt
I refuse to go.                                     | refuse   | ɹəfjˈuz
The refuse was taken to the dump.                   | refuse   | ɹˈɛfjˌus
Camels cross the desert.                            | desert   | dˈɛzəɹt
He would never desert his friends.                  | desert   | dəzˈɜɹt
They bought a new house.                            | house    | hˈWs
The museum will house the collection.               | house    | hˈWz
She set a new record.                               | record   | ɹˈɛkəɹd
We record every call.                               | record   | ɹəkˈɔɹd
What is that object?                                | object   | ˈɑbʤəkt
I object to this plan.                              | object   | əbʤˈɛkt
He gave me a present.                               | present  | pɹˈɛzᵊnt
I would like to present our guest.                  | present  | pɹizˈɛnt
What is the use of it?                              | use      | jˈus
May I use your phone?                               | use      | jˈuz
I used to live here.                                | used     | jˈust
She used a knife.                                   | used     | jˈuzd
The bandage covered the wound.                      | wound    | wˈund
He wound the rope around the tree.                  | wound    | wˈWnd
There is no excuse for that.                        | excuse   | ɪkskjˈus
Please excuse me.                                   | excuse   | ɪkskjˈuz
The prices increase every year.                     | increase | ɪnkɹˈis
We saw a sharp increase in sales.                   | increase | ˈɪnkɹˌis
The farmers produce milk.                           | produce  | pɹədˈus
The market sells fresh produce.                     | produce  | pɹˈOdˌus
You need a permit to park here.                     | permit   | pˈɜɹmɪt
They do not permit smoking.                         | permit   | pəɹmˈɪt
The rebel was caught.                               | rebel    | ɹˈɛbᵊl
Teenagers often rebel.                              | rebel    | ɹəbˈɛl
The project is late.                                | project  | pɹˈɑʤˌɛkt
They project a loss for next year.                  | project  | pɹəʤˈɛkt
The conduct of the guards was poor.                 | conduct  | kˈɑndˌʌkt
She will conduct the orchestra.                     | conduct  | kəndˈʌkt
We need an estimate of the cost.                    | estimate | ˈɛstəmət
I estimate that it takes a week.                    | estimate | ˈɛstəmˌAt
Keep the two files separate.                        | separate | sˈɛpəɹət
Separate the eggs first.                            | Separate | sˈɛpəɹˌAt
It was a perfect day.                               | perfect  | pˈɜɹfəkt
They want to perfect their skills.                  | perfect  | pəɹfˈɛkt
The contract was signed.                            | contract | kˈɑntɹˌækt
Metals contract in the cold.                        | contract | kəntɹˈækt
"""
HELD_OUT = """
Read the first page aloud.                          | Read     | ɹˈid
He has read it twice.                               | read     | ɹˈɛd
I want to read and write.                           | read     | ɹˈid
They had already read the report.                   | read     | ɹˈɛd
We read it last week.                               | read     | ɹˈɛd
Where do you live?                                  | live     | lˈɪv
This is a live broadcast.                           | live     | lˈIv
The doctors saved many lives.                       | lives    | lˈIvz
My brother lives in London.                         | lives    | lˈɪvz
Don't stand so close to me.                         | close    | klˈOs
They close at nine.                                 | close    | klˈOz
We had a close look at it.                          | close    | klˈOs
At the close of the day we rested.                  | close    | klˈOz
A cold wind came up.                                | wind     | wˈɪnd
The roads wind through the hills.                   | wind     | wˈInd
There were tears in his eyes.                       | tears    | tˈɪɹz
She tears the letter in half.                       | tears    | tˈɛɹz
The minute details matter.                          | minute   | mInˈut
It takes ten minutes.                               | minutes  | mˈɪnəts
The table of contents is short.                     | contents | kˈɑntɛnts
He seems content.                                   | content  | kəntˈɛnt
They refuse to pay.                                 | refuse   | ɹəfjˈuz
Nobody would take the refuse away.                  | refuse   | ɹˈɛfjˌus
The Sahara is a desert.                             | desert   | dˈɛzəɹt
Soldiers who desert are punished.                   | desert   | dəzˈɜɹt
The house is on fire.                               | house    | hˈWs
These buildings house hundreds of families.         | house    | hˈWz
For the record, I was not there.                    | record   | ɹˈɛkəɹd
Did they record the song?                           | record   | ɹəkˈɔɹd
The records were lost in a fire.                    | records  | ɹˈɛkəɹdz
Nobody will object.                                 | object   | əbʤˈɛkt
The objects on the table are old.                   | objects  | ˈɑbʤəkts
The president was present.                          | present  | pɹˈɛzᵊnt
They present the results tomorrow.                  | present  | pɹizˈɛnt
The presents are under the tree.                    | presents | pɹˈɛzᵊnts
It is of no use.                                    | use      | jˈus
Use the other door.                                 | Use      | jˈuz
He is used to the noise.                            | used     | jˈust
A hammer is used to drive nails.                    | used     | jˈuzd
The soldier died of his wounds.                     | wounds   | wˈundz
She had wound the wool into a ball.                 | wound    | wˈWnd
What is your excuse?                                | excuse   | ɪkskjˈus
The court found no abuse of power.                  | abuse    | əbjˈus
They abuse their power.                             | abuse    | əbjˈuz
Sales increased, and costs increase too.            | increase | ɪnkɹˈis
An increase of ten percent is a lot.                | increase | ˈɪnkɹˌis
The import of cars has fallen.                      | import   | ˈɪmpˌɔɹt
We import wine from Spain.                          | import   | ɪmpˈɔɹt
The insult hurt him.                                | insult   | ˈɪnsˌʌlt
Don't insult my friends.                            | insult   | ɪnsˈʌlt
The suspect ran away.                               | suspect  | sˈʌspˌɛkt
I suspect that he lied.                             | suspect  | səspˈɛkt
The subject of the talk was math.                   | subject  | sˈʌbʤɛkt
It will subject him to ridicule.                    | subject  | səbʤˈɛkt
The convict escaped.                                | convict  | kˈɑnvˌɪkt
The jury may convict him.                           | convict  | kənvˈɪkt
She will graduate in June.                          | graduate | ɡɹˈæʤʊˌAt
He is a graduate of Yale.                           | graduate | ɡɹˈæʤəwət
Progress is slow.                                   | Progress | pɹˈɑɡɹəs
The work will progress quickly.                     | progress | pɹəɡɹˈɛs
He tied the ribbon in a bow.                        | bow      | bˈO
The actors bow to the crowd.                        | bow      | bˈW
A dove sat on the roof.                             | dove     | dˈʌv
She dove into the pool.                             | dove     | dˈOv
An elaborate plan was made.                         | elaborate | əlˈæbəɹət
Could you elaborate on that?                        | elaborate | əlˈæbəɹˌAt
Drugs affect the brain.                             | affect   | əfˈɛkt
The roof is made of lead.                           | lead     | lˈɛd
The lead pipes were replaced.                       | lead     | lˈɛd
They lead the race.                                 | lead     | lˈid
"""
