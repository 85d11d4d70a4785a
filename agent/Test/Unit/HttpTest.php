<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Unit;

use Magento\Framework\Encryption\EncryptorInterface;
use Magento\Framework\HTTP\Client\CurlFactory;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Handover\AfterResponse;
use MagentoEventBridge\Agent\Handover\Http;
use MagentoEventBridge\Agent\Handover\Outbox;
use MagentoEventBridge\Agent\Test\Doubles\Cache;
use MagentoEventBridge\Agent\Test\Doubles\Shop;
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
                new Outbox($this->shop->resource, $this->shop->fence),
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
            public $status = 202;
            public $answer = '{"accepted":2,"rejected":[]}';

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
            }

            public function getStatus(): int
            {
                return $this->status;
            }

            public function getBody(): string
            {
                return $this->answer;
            }
        };
    }
}
