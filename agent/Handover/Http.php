<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Handover;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\Encryption\EncryptorInterface;
use Magento\Framework\HTTP\Client\CurlFactory;
use MagentoEventBridge\Agent\Capture\Capture;

/**
 * Hands over to the bridge by HTTP.
 */
class Http implements TransportInterface
{
    private const BRIDGE = 'bridge';
    private const BRIDGE_URL = 'aws_eventbridge/agent/bridge_url';
    private const SECRET = 'aws_eventbridge/agent/secret';
    private const PATH = '/v1/captures';
    private const CONNECT_SECONDS = 1;
    private const ANSWER_SECONDS = 3;
    private const ACCEPTED = 202;

    /**
     * The body is too large, or holds no capture that the bridge accepts.
     */
    private const REFUSALS = [413, 422];

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
     * @var AfterResponse
     */
    private $afterResponse;

    public function __construct(
        ScopeConfigInterface $config,
        EncryptorInterface $encryptor,
        CurlFactory $clients,
        AfterResponse $afterResponse
    ) {
        $this->config = $config;
        $this->encryptor = $encryptor;
        $this->clients = $clients;
        $this->afterResponse = $afterResponse;
    }

    public function isAvailable(): bool
    {
        return true;
    }

    public function isTransactional(): bool
    {
        return false;
    }

    /**
     * Posts the captures of a request together.
     *
     * @param Capture[] $captures
     * @return void
     */
    public function send(array $captures): void
    {
        $this->afterResponse->send(self::BRIDGE, $captures, function (array $batch): array {
            return $this->post($batch);
        });
    }

    /**
     * Posts captures and returns the IDs of those that the bridge did not accept.
     *
     * @param string[] $batch the JSON of captures by their IDs
     * @return string[]
     */
    private function post(array $batch): array
    {
        $body = implode("\n", $batch) . "\n";
        $time = (string)time();
        $client = $this->clients->create();
        $client->setTimeout(self::ANSWER_SECONDS);
        $client->setOption(CURLOPT_CONNECTTIMEOUT, self::CONNECT_SECONDS);
        $client->addHeader('Content-Type', 'application/x-ndjson');
        // Without it curl sends "Expect: 100-continue", whose answer Magento's client takes for the final one.
        $client->addHeader('Expect', '');
        $client->addHeader('X-EventBridge-Timestamp', $time);
        $client->addHeader(
            'X-EventBridge-Signature',
            'v1=' . hash_hmac('sha256', $time . '.' . $body, $this->secret())
        );
        $client->post(rtrim((string)$this->config->getValue(self::BRIDGE_URL), '/') . self::PATH, $body);
        if (in_array($client->getStatus(), self::REFUSALS, true)) {
            return array_keys($batch);
        }
        if ($client->getStatus() !== self::ACCEPTED) {
            throw new \RuntimeException('the bridge answers with status ' . $client->getStatus());
        }

        return $this->refused(array_keys($batch), $client->getBody());
    }

    /**
     * Returns the IDs of refused captures.
     *
     * @param string[] $ids in the order of the lines that were posted
     * @param string $answer
     * @return string[]
     * @throws \RuntimeException if something else than the bridge answered, as a proxy
     */
    private function refused(array $ids, string $answer): array
    {
        $answer = json_decode($answer, true);
        $rejected = is_array($answer) ? $answer['rejected'] ?? null : null;
        $lines = is_array($rejected) ? array_column($rejected, 'line') : [];
        $refused = array_intersect_key($ids, array_flip(array_map(function ($line): int {
            return (int)$line - 1;
        }, $lines)));
        if (!is_array($rejected) || ($answer['accepted'] ?? null) !== count($ids) - count($refused)) {
            throw new \RuntimeException('the answer does not account for each of ' . count($ids) . ' captures');
        }

        return $refused;
    }

    private function secret(): string
    {
        return $this->encryptor->decrypt((string)$this->config->getValue(self::SECRET));
    }
}
