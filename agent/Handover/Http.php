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
     * Posts all captures of a request together.
     *
     * @param Capture[] $captures
     * @return void
     */
    public function send(array $captures): void
    {
        $this->afterResponse->send(self::BRIDGE, $captures, function (array $captures): array {
            return $this->post($captures);
        });
    }

    /**
     * Posts the captures and returns those that the bridge did not accept.
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
        // Without it curl sends "Expect: 100-continue", whose answer Magento's client takes for the final one.
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
