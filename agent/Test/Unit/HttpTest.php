<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\Encryption\EncryptorInterface;
use Magento\Framework\HTTP\Client\CurlFactory;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Handover\AfterResponse;
use MagentoEventBridge\Agent\Handover\Http;
use MagentoEventBridge\Agent\Test\Doubles\Cache;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
use MagentoEventBridge\Agent\Test\Doubles\Unencodable;
use PHPUnit\Framework\TestCase;

class HttpTest extends TestCase
{
    /**
     * @var Shop
     */
    private $shop;

    /**
     * @var Http
     */
    private $http;

    /**
     * @var object
     */
    private $bridge;

    protected function setUp(): void
    {
        $this->shop = new Shop();
        $this->shop->settings->values = [
            'aws_eventbridge/agent/bridge_url' => 'https://bridge.example.com/',
            'aws_eventbridge/agent/secret' => 'encrypted',
        ];
        $this->bridge = $this->bridge();
        $clients = new CurlFactory();
        $clients->client = $this->bridge;
        // In a command, as this test is, it sends at once.
        $this->http = new Http(
            $this->shop->settings,
            $this->encryptor(),
            $clients,
            new AfterResponse(
                new Cache(),
                $this->shop->outbox(),
                $this->shop->encoder,
                $this->shop->execution,
                $this->shop->fence
            )
        );
    }

    public function testItPostsOneCaptureALineAndSigns(): void
    {
        $this->send('a', 'b');

        self::assertSame('https://bridge.example.com/v1/captures', $this->bridge->url);
        $lines = explode("\n", $this->bridge->body);
        self::assertSame(['a', 'b', ''], [
            json_decode($lines[0])->event,
            json_decode($lines[1])->event,
            $lines[2],
        ]);
        $time = $this->bridge->headers['X-EventBridge-Timestamp'];
        self::assertSame(
            'v1=' . hash_hmac('sha256', $time . '.' . $this->bridge->body, 'decrypted'),
            $this->bridge->headers['X-EventBridge-Signature']
        );
        self::assertSame('application/x-ndjson', $this->bridge->headers['Content-Type']);
        self::assertSame([], $this->shop->database->written());
    }

    public function testWhatTheBridgeRefusesGoesToTheOutbox(): void
    {
        $this->bridge->answer = '{"accepted":1,"rejected":[{"line":2,"error":"no capture"}]}';
        $this->send('a', 'b');

        self::assertSame(['b'], array_column($this->shop->database->written(), 'event'));
    }

    public function testACaptureThatCannotBeEncodedCostsOnlyItself(): void
    {
        $this->http->send([
            $this->shop->captures->make('a', 1, null),
            Unencodable::capture(),
            $this->shop->captures->make('b', 1, null),
        ]);
        $this->send('c');

        self::assertSame(['a', 'b', 'c'], $this->posted());
        self::assertSame([], $this->shop->database->written());
        self::assertCount(1, $this->shop->log->lines);
        self::assertStringContainsString('lost 1 event: ', $this->shop->log->lines[0]);
        self::assertStringContainsString('broken (id)', $this->shop->log->lines[0]);
    }

    public function testNothingIsPostedIfNoCaptureCanBeEncoded(): void
    {
        $this->http->send([Unencodable::capture()]);

        self::assertSame([], $this->bridge->bodies);
    }

    public function testALargeTransactionIsPostedInParts(): void
    {
        $this->send(...$this->manyEvents());

        self::assertSame($this->manyEvents(), $this->posted());
        self::assertGreaterThan(1, count($this->bridge->bodies));
        self::assertLessThan(300000, max(array_map('strlen', $this->bridge->bodies)));
    }

    public function testAfterAFailureOnlyTheRestGoesToTheOutbox(): void
    {
        $this->bridge->failsAfter = 1;
        $this->send(...$this->manyEvents());

        $written = array_column($this->shop->database->written(), 'event');
        self::assertCount(2, $this->bridge->bodies);
        $accepted = array_slice($this->manyEvents(), 0, substr_count($this->bridge->bodies[0], "\n"));
        self::assertSame($this->manyEvents(), array_merge($accepted, $written));
    }

    /**
     * @testWith [413]
     *           [422]
     */
    public function testWhatTheBridgeRefusesAsAWholeGoesToTheOutboxAndTheRestIsPosted(int $status): void
    {
        $this->bridge->status = $status;
        $this->send('a');
        $this->bridge->status = 202;
        $this->send('b');

        self::assertSame(['a'], array_column($this->shop->database->written(), 'event'));
        self::assertSame(['a', 'b'], $this->posted());
    }

    /**
     * @testWith [""]
     *           ["<html>Welcome</html>"]
     *           ["{}"]
     *           ["[]"]
     *           ["null"]
     *           ["\"accepted\""]
     *           ["{\"accepted\":1,\"rejected\":[]}"]
     *           ["{\"accepted\":1,\"rejected\":\"no\"}"]
     *           ["{\"accepted\":1,\"rejected\":[{\"line\":3}]}"]
     *           ["{\"accepted\":1,\"rejected\":[{\"line\":0}]}"]
     *           ["{\"accepted\":1,\"rejected\":[{\"line\":\"first\"}]}"]
     */
    public function testAnAnswerThatIsNotTheBridgesAcceptsNothing(string $answer): void
    {
        $this->bridge->answer = $answer;
        $this->send('a', 'b');

        self::assertSame(['a', 'b'], array_column($this->shop->database->written(), 'event'));
        self::assertCount(1, $this->shop->log->lines);
    }

    public function testABridgeThatFailsIsLeftAloneForAWhile(): void
    {
        $this->bridge->status = 503;
        $this->send('a');
        $this->bridge->status = 202;
        $this->bridge->url = null;
        $this->send('b');

        self::assertSame(['a', 'b'], array_column($this->shop->database->written(), 'event'));
        self::assertNull($this->bridge->url);
        self::assertCount(1, $this->shop->log->lines);
    }

    public function testItWaitsForTheCommit(): void
    {
        $shop = new Shop(['http' => $this->http]);
        $shop->settings->values['aws_eventbridge/agent/transport'] = 'http';
        $shop->database->begin();
        $shop->buffer->add($shop->captures->make('a', 1, null));
        $shop->database->rollBack();
        $shop->database->begin();
        $shop->buffer->add($shop->captures->make('b', 1, null));
        self::assertNull($this->bridge->url);
        $shop->database->commit();

        self::assertSame('b', json_decode($this->bridge->body)->event);
        self::assertSame([], $shop->database->statements);
    }

    private function send(string ...$events): void
    {
        $this->http->send(array_map(function (string $event): Capture {
            return $this->shop->captures->make($event, 1, null);
        }, $events));
    }

    /**
     * @return string[] more than one request can hold
     */
    private function manyEvents(): array
    {
        return array_map(function (int $number): string {
            return 'event ' . $number;
        }, range(1, 3000));
    }

    /**
     * @return string[] the events of all captures that were posted
     */
    private function posted(): array
    {
        return array_map(function (string $line): string {
            return json_decode($line)->event;
        }, explode("\n", trim(implode('', $this->bridge->bodies))));
    }

    private function encryptor(): EncryptorInterface
    {
        return new class implements EncryptorInterface {
            public function decrypt($data)
            {
                return 'decrypted';
            }
        };
    }

    private function bridge(): object
    {
        return new class {
            public $url;
            public $body;
            public $headers = [];
            public $bodies = [];
            public $status = 202;
            public $answer;
            public $failsAfter = PHP_INT_MAX;

            public function setTimeout(int $seconds): void
            {
            }

            public function setOption(int $name, int $value): void
            {
            }

            public function addHeader(string $name, string $value): void
            {
                $this->headers[$name] = $value;
            }

            public function post(string $url, string $body): void
            {
                $this->url = $url;
                $this->body = $body;
                $this->bodies[] = $body;
            }

            public function getStatus(): int
            {
                return count($this->bodies) > $this->failsAfter ? 503 : $this->status;
            }

            public function getBody(): string
            {
                return $this->answer ?? '{"accepted":' . substr_count($this->body, "\n") . ',"rejected":[]}';
            }
        };
    }
}
