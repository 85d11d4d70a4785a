<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\App\CacheInterface;
use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\Encryption\EncryptorInterface;
use Magento\Framework\HTTP\Client\CurlFactory;
use MagentoEventBridge\Agent\Capture\Capture;
use MagentoEventBridge\Agent\Capture\Surroundings;
use MagentoEventBridge\Agent\Fence;

/**
 * Hands over to the bridge by HTTP, after the shopper has the answer; what it does not take goes to the outbox.
 */
class Http implements TransportInterface
{
    private const BRIDGE_URL = 'aws_eventbridge/agent/bridge_url';
    private const SECRET = 'aws_eventbridge/agent/secret';
    private const PATH = '/v1/captures';
    private const CONNECT_SECONDS = 1;
    private const ANSWER_SECONDS = 3;
    private const ACCEPTED = 202;
    private const PAUSE = 'eventbridge_agent_pause';
    private const PAUSE_SECONDS = 30;

    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @var EncryptorInterface
     */
    private $encryptor;

    /**
     * @var CurlFactory
     */
    private $clients;

    /**
     * @var CacheInterface
     */
    private $cache;

    /**
     * @var Outbox
     */
    private $outbox;

    /**
     * @var Surroundings
     */
    private $surroundings;

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var Capture[]
     */
    private $waiting = [];

    /**
     * @var bool
     */
    private $isRegistered = false;

    public function __construct(
        ScopeConfigInterface $config,
        EncryptorInterface $encryptor,
        CurlFactory $clients,
        CacheInterface $cache,
        Outbox $outbox,
        Surroundings $surroundings,
        Fence $fence
    ) {
        $this->config = $config;
        $this->encryptor = $encryptor;
        $this->clients = $clients;
        $this->cache = $cache;
        $this->outbox = $outbox;
        $this->surroundings = $surroundings;
        $this->fence = $fence;
    }

    public function isTransactional(): bool
    {
        return false;
    }

    /**
     * Keeps the captures until the answer is sent; a command has nobody waiting, and may run for days.
     *
     * @param Capture[] $captures
     * @return void
     */
    public function send(array $captures): void
    {
        array_push($this->waiting, ...$captures);
        if ($this->surroundings->isShell()) {
            $this->deliver();
        } elseif (!$this->isRegistered) {
            $this->isRegistered = true;
            register_shutdown_function(function (): void {
                $this->finish();
            });
        }
    }

    /**
     * Lets the shopper go, then delivers.
     */
    private function finish(): void
    {
        $this->fence->run('after the response', function (): void {
            if (session_status() === PHP_SESSION_ACTIVE) {
                session_write_close();
            }
            foreach (['fastcgi_finish_request', 'litespeed_finish_request'] as $letGo) {
                if (function_exists($letGo)) {
                    $letGo();
                }
            }
            $this->deliver();
        });
    }

    private function deliver(): void
    {
        $captures = $this->waiting;
        $this->waiting = [];
        $refused = $captures;
        $this->fence->run('sending to the bridge', function () use ($captures, &$refused): void {
            if ($this->cache->load(self::PAUSE)) {
                return;
            }
            try {
                $refused = $this->post($captures);
            } catch (\Exception $exception) {
                // Every request would wait in vain for a bridge that does not answer.
                $this->cache->save('1', self::PAUSE, [], self::PAUSE_SECONDS);
                throw $exception;
            }
        });
        if ($refused) {
            $this->outbox->send($refused);
        }
    }

    /**
     * Posts the captures and gives back those that the bridge did not accept.
     *
     * @param Capture[] $captures
     * @return Capture[]
     */
    private function post(array $captures): array
    {
        $body = '';
        foreach ($captures as $capture) {
            $body .= $capture->toJson() . "\n";
        }
        $time = (string)time();
        $client = $this->clients->create();
        $client->setTimeout(self::ANSWER_SECONDS);
        $client->setOption(CURLOPT_CONNECTTIMEOUT, self::CONNECT_SECONDS);
        $client->addHeader('Content-Type', 'application/x-ndjson');
        // Without it curl asks for leave to send a long body, and Magento's client takes that for the answer.
        $client->addHeader('Expect', '');
        $client->addHeader('X-EventBridge-Timestamp', $time);
        $client->addHeader(
            'X-EventBridge-Signature',
            'v1=' . hash_hmac('sha256', $time . '.' . $body, $this->secret())
        );
        $client->post(rtrim((string)$this->config->getValue(self::BRIDGE_URL), '/') . self::PATH, $body);
        if ($client->getStatus() !== self::ACCEPTED) {
            throw new \RuntimeException('the bridge answers with status ' . $client->getStatus());
        }
        $answer = json_decode($client->getBody(), true);
        $refused = [];
        foreach ($answer['rejected'] ?? [] as $rejected) {
            $refused[] = $captures[(int)$rejected['line'] - 1];
        }

        return $refused;
    }

    private function secret(): string
    {
        return $this->encryptor->decrypt((string)$this->config->getValue(self::SECRET));
    }
}
